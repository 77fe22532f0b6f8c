/* The machine: text to whoever watches the processor, and the end of the program. */
#ifndef BOARD_H
#define BOARD_H

void say(const char *text);

/* What the program does once memory is set up: 0 when all is well. The emulator ends with 0 or 1. */
int program(void);

#endif
