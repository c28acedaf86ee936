/* Small files in a directory that others watch. */
#ifndef ALCOVE_FILES_H
#define ALCOVE_FILES_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Has the directory at path, which its group may change as its owner may: others than who made a file in it
 * replace that file. In the volume itself they may not, for a volume in memory is sticky. False, with errno.
 */
bool files_have_directory(const char *path);

struct files_content {
    const void *bytes;
    size_t length;
    mode_t mode; /* of the file */
};

/*
 * Makes the file have this content: a reader sees the old content or the new one, and who watches the directory
 * sees one renaming. False, with errno, when it stays as it was.
 */
bool files_replace(const char *directory, const char *name, const struct files_content *content);

/* Writes all of it. False, with errno. */
bool files_write(int file, const void *content, size_t length);

/* Reads at most size bytes. Gives how many, or -1 and errno; EFBIG when there are more. */
ssize_t files_read(const char *path, char *content, size_t size);

#endif
