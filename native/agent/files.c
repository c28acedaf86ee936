#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool files_write(int file, const void *content, size_t length)
{
    const char *at = content;
    while (length > 0) {
        ssize_t written = write(file, at, length);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            at += written;
            length -= (size_t)written;
        }
    }
    return true;
}

static bool create(int place, const char *name, const struct files_content *content)
{
    /* One that was left behind may be of another user: it can be removed, but not written. */
    (void)unlinkat(place, name, 0);
    int file = openat(place, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0)
        return false;
    bool written = files_write(file, content->bytes, content->length) && fchmod(file, content->mode) == 0;
    int error = errno;
    bool closed = close(file) == 0;
    if (!written)
        errno = error;
    return written && closed;
}

static bool replace_in(int place, const char *name, const struct files_content *content)
{
    char fresh[NAME_MAX + 1];
    int printed = snprintf(fresh, sizeof fresh, ".%s.new", name);
    if (printed < 0 || (size_t)printed >= sizeof fresh) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (create(place, fresh, content) && renameat(place, fresh, place, name) == 0)
        return true;
    int error = errno;
    (void)unlinkat(place, fresh, 0);
    errno = error;
    return false;
}

bool files_have_directory(const char *path)
{
    if (mkdir(path, 0770) < 0)
        return errno == EEXIST;
    return chmod(path, 0770) == 0; /* whatever the umask is */
}

bool files_replace(const char *directory, const char *name, const struct files_content *content)
{
    int place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place < 0)
        return false;
    bool replaced = replace_in(place, name, content);
    int error = errno;
    (void)close(place); /* only looked up in */
    errno = error;
    return replaced;
}

ssize_t files_read(const char *path, char *content, size_t size)
{
    size_t total = 0;
    ssize_t length;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    do {
        char beyond;
        length = total < size ? read(file, content + total, size - total) : read(file, &beyond, 1);
        if (length > 0 && total == size) {
            errno = EFBIG;
            length = -1;
        } else if (length > 0) {
            total += (size_t)length;
        }
    } while (length > 0 || (length < 0 && errno == EINTR));
    int error = errno;
    (void)close(file); /* only read from */
    errno = error;
    return length < 0 ? -1 : (ssize_t)total;
}
