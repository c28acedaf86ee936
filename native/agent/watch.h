/* What a loop waits for: descriptors and a time. Filled anew for each round. */
#ifndef ALCOVE_WATCH_H
#define ALCOVE_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WATCH_DESCRIPTORS = 128 };

struct watch {
    struct pollfd descriptors[WATCH_DESCRIPTORS];
    size_t count;
    int64_t now;
    int64_t until; /* INT64_MAX: for ever */
};

void watch_begin(struct watch *watch, int64_t now);

/* The number can be asked for afterwards. With no events, or no room, it is one that is never ready. */
size_t watch_add(struct watch *watch, int descriptor, short events);

/* Wakes up then, if not before. */
void watch_until(struct watch *watch, int64_t when);

/* False, with errno, for a fault of our own. Brings the time up to date. */
bool watch_wait(struct watch *watch);

/* What of the events there is, with POLLERR and POLLHUP; 0 when nothing. */
short watch_ready(const struct watch *watch, size_t number);

#endif
