#include "watch.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>

void watch_begin(struct watch *watch, int64_t now)
{
    watch->count = 0;
    watch->now = now;
    watch->until = INT64_MAX;
}

size_t watch_add(struct watch *watch, int descriptor, short events)
{
    if (events == 0 || watch->count == WATCH_DESCRIPTORS)
        return WATCH_DESCRIPTORS;
    watch->descriptors[watch->count] = (struct pollfd){.fd = descriptor, .events = events};
    return watch->count++;
}

void watch_until(struct watch *watch, int64_t when)
{
    if (when < watch->until)
        watch->until = when;
}

bool watch_wait(struct watch *watch)
{
    int64_t left = watch->until == INT64_MAX ? -1 : watch->until - watch->now;
    if (left < 0 && watch->until != INT64_MAX)
        left = 0;
    if (left > INT_MAX)
        left = INT_MAX;
    int ready = poll(watch->descriptors, watch->count, (int)left);
    if (ready < 0 && errno != EINTR)
        return false;
    for (size_t at = 0; ready < 0 && at < watch->count; at++)
        watch->descriptors[at].revents = 0;
    watch->now = clock_monotonic_ms();
    return true;
}

short watch_ready(const struct watch *watch, size_t number)
{
    return number < watch->count ? watch->descriptors[number].revents : (short)0;
}
