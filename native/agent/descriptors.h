/* The descriptors a supervisor was started with. */
#ifndef ALCOVE_DESCRIPTORS_H
#define ALCOVE_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Closes everything above standard error: neither we nor the command were meant to have it. Holds the place
 * of a standard stream that is closed, so that no descriptor of ours takes its number; the command finds it
 * closed as it was. False, with errno, when a place cannot be held.
 */
bool descriptors_seal(void);

#endif
