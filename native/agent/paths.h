/*
 * Paths below a root that they never leave: relative, without "..", and through no symbolic link. A link in the
 * middle fails with ELOOP, be it to a place inside. All give -1 or false with errno.
 */
#ifndef ALCOVE_PATHS_H
#define ALCOVE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it names something below a root: no "/" at either end, no empty part, no "." and no "..". */
bool paths_are_below(const char *path);

/* Makes the directory and those above it; gives it. This path is absolute, and may go through links. */
int paths_make_root(const char *path);

/* The directory at the first length bytes of the path: 0 is the root itself. */
int paths_open_directory(int root, const char *path, size_t length, bool makes);

/* The directory that the last part, which begins at *name, is in. */
int paths_open_parent(int root, const char *path, bool makes, const char **name);

/* Removes what is there and all below it; nothing there is success. */
bool paths_remove(int parent, const char *name);

/* For root: gives a thing to whom its directory belongs, where that is allowed. */
void paths_inherit_owner(int parent, const char *name);

#endif
