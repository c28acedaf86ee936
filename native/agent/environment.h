/* Environments of what is started. */
#ifndef ALCOVE_ENVIRONMENT_H
#define ALCOVE_ENVIRONMENT_H

/*
 * Ours, with these "K=V" in the place of ours of that name (of two of one name, the later), and with last if it is
 * not null. A block to be freed, whose elements are not; null when there is no memory, or added is null.
 */
char **environment_with(char *const *added, const char *last);

#endif
