/*
 * A batch of changes below a root: files are staged as they come, beside where they will be, and everything is
 * put into place at once, in its order. What is not committed leaves nothing behind.
 *
 * Each call gives false with what went wrong; the batch is then to be freed. A path that is wrong is such a
 * failure too. Paths are taken over by calls that take them as char *.
 */
#ifndef ALCOVE_BATCH_H
#define ALCOVE_BATCH_H

#include "failure.h"
#include "sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;

struct batch_file {
    uint32_t mode;
    uint64_t size;
    unsigned char digest[SHA256_BYTES];
};

/* The instance makes names of staged files ours alone. Null with what went wrong. */
struct batch *batch_begin(const char *root, const char *instance, struct failure *failure);

bool batch_file(struct batch *batch, char *path, const struct batch_file *file, struct failure *failure);
bool batch_data(struct batch *batch, const unsigned char *content, size_t length, struct failure *failure);
bool batch_link(struct batch *batch, char *path, char *target, struct failure *failure);
bool batch_directory(struct batch *batch, char *path, uint32_t mode, struct failure *failure);
bool batch_remove(struct batch *batch, char *path, struct failure *failure);
bool batch_mode(struct batch *batch, char *path, uint32_t mode, struct failure *failure);

bool batch_commit(struct batch *batch, struct failure *failure);

/* Removes what was staged and not put into place. Null is none. */
void batch_free(struct batch *batch);

#endif
