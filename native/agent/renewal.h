/*
 * When something that ages has to be fetched. Pure: no clock in it.
 *
 * Everything is decided anew from what is known, at every look, so that a clock that was set, forwards or
 * backwards, needs no rule of its own: what happened in the future is taken for unknown.
 */
#ifndef ALCOVE_RENEWAL_H
#define ALCOVE_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RENEWAL_USUAL_AGE_S = 300,              /* of what does not say how long it is good */
    RENEWAL_LONGEST_AGE_S = 30 * 24 * 3600, /* who says more is not believed */
    RENEWAL_RECORD_BYTES = 64,
};

struct renewal {
    int64_t fetched_at_ms; /* since the epoch, as all here; -1 when it never was */
    int64_t max_age_s;
    int64_t failed_at_ms; /* the last time, if there are failures */
    int failures;         /* since it was fetched */
};

struct renewal_patience {
    int64_t initial_ms; /* after the first failure; then doubled */
    int64_t max_ms;
};

/* When to fetch: now_ms if that is over already. */
int64_t renewal_due_ms(const struct renewal *renewal, const struct renewal_patience *patience, int64_t now_ms);

/* Whether it is so old that it may be worth nothing any more: twice its age, or unknown. */
bool renewal_is_stale(const struct renewal *renewal, int64_t now_ms);

/* What is known after an answer with that age (-1: it says none), and after none. */
struct renewal renewal_after_success(int64_t now_ms, int64_t max_age_s);
struct renewal renewal_after_failure(const struct renewal *renewal, int64_t now_ms);

/* A success as text, and back; what is not such a text is one that never was. */
size_t renewal_render(const struct renewal *renewal, char record[RENEWAL_RECORD_BYTES]);
struct renewal renewal_parse(const char *record, size_t length);

#endif
