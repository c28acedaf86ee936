/* The terminal on standard input, when there is one: only its foreground process group may read it. */
#ifndef ALCOVE_TERMINAL_H
#define ALCOVE_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the group has the terminal. False when there is none. */
bool terminal_is_of(pid_t group);

/* Gives it to the group. Needs SIGTTOU blocked when the caller's group does not have it. */
void terminal_give_to(pid_t group);

#endif
