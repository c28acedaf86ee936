#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 200, DIRECTORY_MODE = 0777, OPENS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

bool paths_are_below(const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return false;
    for (const char *part = path;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || length > NAME_MAX || (length <= 2 && strspn(part, ".") >= length))
            return false;
        part += length;
        if (*part == '\0')
            return true;
    }
}

void paths_inherit_owner(int parent, const char *name)
{
    struct stat found;
    if (geteuid() == 0 && fstat(parent, &found) == 0 && (found.st_uid != 0 || found.st_gid != 0))
        (void)fchownat(parent, name, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW);
}

static int make_directory(int parent, const char *name)
{
    if (mkdirat(parent, name, DIRECTORY_MODE) < 0 && errno != EEXIST)
        return -1;
    paths_inherit_owner(parent, name);
    return openat(parent, name, OPENS);
}

static int enter(int parent, const char *name, bool makes)
{
    struct stat found;
    int directory = openat(parent, name, OPENS);
    if (directory < 0 && errno == ENOENT && makes)
        directory = make_directory(parent, name);
    if (directory < 0 && errno == ENOTDIR && fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
        errno = S_ISLNK(found.st_mode) ? ELOOP : ENOTDIR;
    return directory;
}

static int close_but(int descriptor, int given)
{
    int error = errno;
    (void)close(descriptor); /* only looked up in */
    errno = error;
    return given;
}

int paths_open_directory(int root, const char *path, size_t length, bool makes)
{
    char name[NAME_MAX + 1];
    int at = openat(root, ".", OPENS);
    for (const char *part = path; at >= 0 && part < path + length;) {
        size_t size = strcspn(part, "/");
        if (size > (size_t)(path + length - part))
            size = (size_t)(path + length - part);
        memcpy(name, part, size); /* its length was checked */
        name[size] = '\0';
        at = close_but(at, enter(at, name, makes));
        part += size + 1;
    }
    return at;
}

int paths_open_parent(int root, const char *path, bool makes, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    return paths_open_directory(root, path, slash != NULL ? (size_t)(slash - path) : 0, makes);
}

int paths_make_root(const char *path)
{
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    if (*path != '/' || length >= sizeof prefix) {
        errno = *path != '/' ? EINVAL : ENAMETOOLONG;
        return -1;
    }
    for (size_t at = 1; at <= length; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        memcpy(prefix, path, at);
        prefix[at] = '\0';
        /* What is there already may be on a file system that nothing can be made on. */
        if (mkdir(prefix, DIRECTORY_MODE) < 0 && errno != EEXIST && faccessat(AT_FDCWD, prefix, F_OK, 0) < 0)
            return -1;
    }
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool remove_below(int parent, const char *name, int depth);

static bool empty(DIR *directory, int depth)
{
    struct dirent *entry;
    for (;;) {
        errno = 0;
        entry = readdir(directory);
        if (entry == NULL)
            return errno == 0;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !remove_below(dirfd(directory), entry->d_name, depth + 1))
            return false;
    }
}

/* One that is closed to us may be ours to open. */
static int open_to_empty(int parent, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (faccessat(parent, name, R_OK | W_OK | X_OK, AT_SYMLINK_NOFOLLOW | AT_EACCESS) < 0)
        (void)fchmodat(parent, name, S_IRWXU, 0); /* it was seen to be a directory */
    return openat(parent, name, flags);
}

static bool remove_directory(int parent, const char *name, int depth)
{
    int descriptor = open_to_empty(parent, name);
    DIR *directory = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (directory == NULL)
        return descriptor >= 0 ? close_but(descriptor, false) : false;
    bool emptied = empty(directory, depth);
    int error = errno;
    (void)closedir(directory); /* only read from */
    errno = error;
    return emptied && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

static bool remove_below(int parent, const char *name, int depth)
{
    struct stat found;
    if (depth == DEEPEST) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (S_ISDIR(found.st_mode))
        return remove_directory(parent, name, depth);
    return unlinkat(parent, name, 0) == 0 || errno == ENOENT;
}

bool paths_remove(int parent, const char *name)
{
    return remove_below(parent, name, 0);
}
