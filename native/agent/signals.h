/* Signals as data: all of them are blocked and read from a descriptor, so that none interrupts anything. */
#ifndef ALCOVE_SIGNALS_H
#define ALCOVE_SIGNALS_H

#include <stdbool.h>

/* Blocks every signal but those of a fault of our own; gives the descriptor to poll, or -1 and errno. */
int signals_open(void);

/* The next signal that has arrived, or 0. */
int signals_next(int descriptor);

/* Whether a command should get a signal that came to its supervisor. */
bool signals_are_forwarded(int number);

/*
 * For a forked child, which starts with our mask and dispositions: everything by default, then nothing
 * blocked while it tries to become another program, and blocked again when that failed.
 */
void signals_by_default(void);
void signals_unblock(void);
void signals_block(void);

/* "SIGTERM"; "signal 44" for one without a name. Valid until the next call. */
const char *signals_name(int number);

#endif
