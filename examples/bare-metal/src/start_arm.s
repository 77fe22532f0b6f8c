    .syntax unified
    .section .start, "a"
    .word __stack_top
    .word reset
    .rept 14
    .word fault
    .endr

    .section .text.reset, "ax"
    .thumb_func
    .global reset
    .type reset, %function
reset:
    .if {FPU}
    ldr r0, =0xE000ED88         /* CPACR: floating-point registers may be used */
    ldr r1, [r0]
    ldr r2, =0x00F00000
    orrs r1, r2
    str r1, [r0]
    dsb
    isb
    .endif
    ldr r0, =__data_start
    ldr r1, =__data_end
    ldr r2, =__data_image
1:  cmp r0, r1
    bhs 2f
    ldr r3, [r2]
    str r3, [r0]
    adds r0, #4
    adds r2, #4
    b 1b
2:  ldr r0, =__bss_start
    ldr r1, =__bss_end
    movs r2, #0
3:  cmp r0, r1
    bhs 4f
    str r2, [r0]
    adds r0, #4
    b 3b
4:  bl program
    udf #0
    .pool
