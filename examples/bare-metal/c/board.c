/*
 * Start-up for a Cortex-M4 and the emulator's semihosting, which is also what a debug probe offers: no peripheral and no C
 * library is needed. The memory map is that of the Rust programs (../link/mps2.ld).
 */
#include "board.h"

#include <stdint.h>

/* From the linker script. */
extern uint32_t __data_start[], __data_end[], __data_image[], __bss_start[], __bss_end[], __stack_top[];

/* An operation of semihosting and its argument. */
static void semihost(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void say(const char *text)
{
    enum { WRITE_TEXT = 0x04 };
    semihost(WRITE_TEXT, (uintptr_t)text);
}

static void finish(int well)
{
    enum { EXIT = 0x18, APPLICATION_EXIT = 0x20026, RUN_TIME_ERROR = 0x20023 };
    semihost(EXIT, well ? APPLICATION_EXIT : RUN_TIME_ERROR);
    for (;;) {
    }
}

/* An exception that nothing here can cause, or a fault. */
static void fault(void)
{
    finish(0);
}

void reset(void);
void reset(void)
{
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88;
    const uint32_t *from = __data_image;
    uint32_t *to;
    /* Floating-point registers may be used: the calling convention is the one with them. */
    *cpacr |= 0x00F00000;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (to = __data_start; to < __data_end; to++) {
        *to = *from++;
    }
    for (to = __bss_start; to < __bss_end; to++) {
        *to = 0;
    }
    finish(program() == 0);
}

/* Where the stack begins, and what the processor calls: reset, then 14 exceptions. */
struct vector_table {
    uint32_t *stack;
    void (*reset)(void);
    void (*exceptions[14])(void);
};

extern const struct vector_table vector_table;
__attribute__((section(".start"), used)) const struct vector_table vector_table = {
    __stack_top,
    reset,
    {fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};
