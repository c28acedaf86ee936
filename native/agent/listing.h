/*
 * Telling what is below a root, or at some paths below it, a bit at a time: a tree is larger than what may wait
 * to be sent, and digests take longer than others may be kept waiting.
 */
#ifndef ALCOVE_LISTING_H
#define ALCOVE_LISTING_H

#include "failure.h"
#include "frames.h"

#include <stdbool.h>
#include <stdint.h>

struct listing;

enum listing_progress { LISTING_GOES_ON, LISTING_DONE, LISTING_FAILED };

/*
 * Takes over the paths, which end with a null pointer; without one, everything. Files that the batches of this
 * instance have staged are left out. Null with what went wrong.
 */
struct listing *listing_begin(const char *root, char **paths, const char *instance, struct failure *failure);

/* Goes on a bit, writing entries under the request's number. */
enum listing_progress listing_go_on(struct listing *listing, uint32_t request, struct outbox *outbox,
                                    struct failure *failure);

/* Null is none. */
void listing_free(struct listing *listing);

#endif
