#include "listing.h"

#include "paths.h"
#include "sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEEPEST = 200,
    MODES = 07777,
    STEP_ENTRIES = 200,      /* what is done at once: a few milliseconds */
    STEP_BYTES = 512 * 1024, /* of files' content */
    PIECE = 32 * 1024,
    STAGED_NAME = 64,
};

struct level {
    DIR *directory;
    size_t length; /* of the path that leads to it */
};

struct listing {
    int root; /* -1: it is not there */
    char **paths;
    size_t next_path;
    struct level levels[DEEPEST];
    size_t depth;
    char path[PATH_MAX]; /* of what is being looked at */
    int file;            /* whose digest is being computed, or -1 */
    off_t missing;       /* of it: one that grows is read as long as it was */
    struct stat found;   /* what it is */
    struct sha256 sha256;
    char staged[STAGED_NAME]; /* how names begin that are ours */
};

struct listing *listing_begin(const char *root, char **paths, const char *instance, struct failure *failure)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL) {
        failure_errno(failure, "");
        free(paths);
        return NULL;
    }
    listing->file = -1;
    listing->paths = paths;
    (void)snprintf(listing->staged, sizeof listing->staged, ".alcove-%s-", instance);
    listing->root = *root == '/' ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (listing->root >= 0 || (*root == '/' && errno == ENOENT))
        return listing;
    if (*root == '/')
        failure_errno(failure, root);
    else
        failure_set(failure, root, "not an absolute path");
    listing_free(listing);
    return NULL;
}

static void tell(const struct listing *listing, uint32_t request, struct outbox *outbox, char kind,
                 const void *content, size_t length)
{
    outbox_begin(outbox, FRAME_ENTRY, request);
    outbox_text(outbox, listing->path);
    outbox_number(outbox, (unsigned char)kind, sizeof(uint8_t));
    outbox_number(outbox, kind == '-' ? 0 : listing->found.st_mode & MODES, sizeof(uint32_t));
    outbox_number(outbox, kind == 'f' ? (uint64_t)listing->found.st_size : 0, sizeof(uint64_t));
    outbox_bytes(outbox, content, length);
    outbox_end(outbox);
}

static void tell_link(struct listing *listing, int parent, const char *name, uint32_t request, struct outbox *outbox)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(parent, name, target, sizeof target);
    tell(listing, request, outbox, 'l', target, length > 0 ? (size_t)length : 0);
}

/* False when it is too deep. */
static bool enter_directory(struct listing *listing, int parent, const char *name)
{
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return true; /* it is closed to us: what is in it is not seen */
    DIR *directory = listing->depth < DEEPEST ? fdopendir(descriptor) : NULL;
    if (directory == NULL) {
        (void)close(descriptor); /* only read from */
        return false;
    }
    listing->levels[listing->depth++] = (struct level){directory, strlen(listing->path)};
    return true;
}

/* False when it is too deep. */
static bool look_at(struct listing *listing, int parent, const char *name, uint32_t request, struct outbox *outbox)
{
    if (fstatat(parent, name, &listing->found, AT_SYMLINK_NOFOLLOW) < 0) {
        if (listing->paths[0] != NULL)
            tell(listing, request, outbox, '-', "", 0);
        return true; /* it was removed while we looked */
    }
    switch (listing->found.st_mode & S_IFMT) {
    case S_IFREG:
        listing->file = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (listing->file < 0)
            tell(listing, request, outbox, 'f', "", 0);
        listing->missing = listing->found.st_size;
        sha256_begin(&listing->sha256);
        return true;
    case S_IFLNK:
        tell_link(listing, parent, name, request, outbox);
        return true;
    case S_IFDIR:
        tell(listing, request, outbox, 'd', "", 0);
        return listing->paths[0] != NULL || enter_directory(listing, parent, name);
    default:
        tell(listing, request, outbox, 'o', "", 0);
        return true;
    }
}

/* Gives how much was read. */
static size_t go_on_with_file(struct listing *listing, uint32_t request, struct outbox *outbox)
{
    unsigned char content[PIECE];
    unsigned char digest[SHA256_BYTES];
    size_t wanted = listing->missing < PIECE ? (size_t)listing->missing : PIECE;
    ssize_t length = wanted > 0 ? read(listing->file, content, wanted) : 0;
    if (length > 0) {
        listing->missing -= length;
        sha256_add(&listing->sha256, content, (size_t)length);
        return (size_t)length;
    }
    if (length < 0 && errno == EINTR)
        return 0;
    sha256_end(&listing->sha256, digest);
    (void)close(listing->file); /* only read from */
    listing->file = -1;
    tell(listing, request, outbox, 'f', digest, length == 0 ? sizeof digest : 0);
    return 0;
}

static void leave_directory(struct listing *listing)
{
    (void)closedir(listing->levels[--listing->depth].directory); /* only read from */
}

static bool is_staged(const struct listing *listing, const char *name)
{
    return strncmp(name, listing->staged, strlen(listing->staged)) == 0;
}

static bool go_on_below(struct listing *listing, uint32_t request, struct outbox *outbox)
{
    struct level *level = &listing->levels[listing->depth - 1];
    struct dirent *entry = readdir(level->directory);
    if (entry == NULL) {
        leave_directory(listing);
        return true;
    }
    const char *name = entry->d_name;
    size_t size = strlen(name);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_staged(listing, name))
        return true;
    if (level->length + 1 + size >= sizeof listing->path)
        return false;
    char *place = listing->path + level->length;
    if (level->length > 0)
        *place++ = '/';
    memcpy(place, name, size + 1);
    return look_at(listing, dirfd(level->directory), name, request, outbox);
}

static bool go_on_with_paths(struct listing *listing, uint32_t request, struct outbox *outbox)
{
    const char *name;
    const char *path = listing->paths[listing->next_path++];
    if (!paths_are_below(path))
        return false;
    memcpy(listing->path, path, strlen(path) + 1);
    int parent = listing->root >= 0 ? paths_open_parent(listing->root, path, false, &name) : -1;
    if (parent < 0) {
        tell(listing, request, outbox, '-', "", 0);
        return true;
    }
    bool looked = look_at(listing, parent, name, request, outbox);
    (void)close(parent); /* only looked up in */
    return looked;
}

static bool begin_everything(struct listing *listing)
{
    listing->next_path = 1;
    return listing->root < 0 || enter_directory(listing, listing->root, ".");
}

/* One thing more. */
static enum listing_progress go_on(struct listing *listing, uint32_t request, struct outbox *outbox,
                                   struct failure *failure)
{
    bool done;
    if (listing->depth > 0)
        done = go_on_below(listing, request, outbox);
    else if (listing->paths[0] != NULL && listing->paths[listing->next_path] != NULL)
        done = go_on_with_paths(listing, request, outbox);
    else if (listing->paths[0] == NULL && listing->next_path == 0)
        done = begin_everything(listing);
    else
        return LISTING_DONE;
    if (done)
        return LISTING_GOES_ON;
    if (listing->depth == 0)
        failure_set(failure, listing->paths[0] != NULL ? listing->paths[listing->next_path - 1] : "",
                    "not a path below the root");
    else
        failure_set(failure, listing->path, "too deep");
    return LISTING_FAILED;
}

enum listing_progress listing_go_on(struct listing *listing, uint32_t request, struct outbox *outbox,
                                    struct failure *failure)
{
    enum listing_progress progress = LISTING_GOES_ON;
    size_t bytes = 0;
    for (int count = 0; count < STEP_ENTRIES && bytes < STEP_BYTES && progress == LISTING_GOES_ON; count++) {
        if (listing->file >= 0)
            bytes += go_on_with_file(listing, request, outbox);
        else
            progress = go_on(listing, request, outbox, failure);
    }
    return progress;
}

void listing_free(struct listing *listing)
{
    if (listing == NULL)
        return;
    while (listing->depth > 0)
        leave_directory(listing);
    if (listing->file >= 0)
        (void)close(listing->file); /* only read from */
    if (listing->root >= 0)
        (void)close(listing->root); /* only looked up in */
    free(listing->paths);
    free(listing);
}
