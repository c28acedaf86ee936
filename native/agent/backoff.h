/* How long to wait before a command that keeps ending is started again. Pure: no clock in it. */
#ifndef ALCOVE_BACKOFF_H
#define ALCOVE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t initial_ms;  /* at least 1 */
    int64_t max_ms;      /* at least initial_ms */
    int64_t recovery_ms; /* at least a second, or short delays would become a busy loop */
    int64_t next_ms;     /* 0 in the beginning */
};

/*
 * The delay before the next start of what ran for ran_ms: none the first time, then initial_ms, doubling up
 * to max_ms. What ran for recovery_ms is well again: its next end counts as the first.
 */
int64_t backoff_delay(struct backoff *backoff, int64_t ran_ms);

#endif
