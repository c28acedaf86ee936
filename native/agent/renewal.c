#include "renewal.h"

#include <inttypes.h>
#include <stdio.h>

static const struct renewal never = {.fetched_at_ms = -1};

/* Doubled one by one: so many failures that it would overflow reach the maximum before. */
static int64_t delay_after(int failures, const struct renewal_patience *patience)
{
    int64_t delay = patience->initial_ms;
    for (int count = 1; count < failures && delay < patience->max_ms; count++)
        delay *= 2;
    return delay < patience->max_ms ? delay : patience->max_ms;
}

int64_t renewal_due_ms(const struct renewal *renewal, const struct renewal_patience *patience, int64_t now_ms)
{
    bool failed = renewal->failures > 0;
    int64_t since = failed ? renewal->failed_at_ms : renewal->fetched_at_ms;
    int64_t wait = failed ? delay_after(renewal->failures, patience) : renewal->max_age_s * 1000;
    if (since < 0 || since > now_ms || now_ms - since >= wait)
        return now_ms;
    return since + wait;
}

bool renewal_is_stale(const struct renewal *renewal, int64_t now_ms)
{
    int64_t since = renewal->fetched_at_ms;
    return since < 0 || since > now_ms || now_ms - since >= renewal->max_age_s * 2000;
}

struct renewal renewal_after_success(int64_t now_ms, int64_t max_age_s)
{
    int64_t age = max_age_s < 0 ? RENEWAL_USUAL_AGE_S : max_age_s;
    if (age < 1) /* or it would be fetched without a pause */
        age = 1;
    return (struct renewal){
        .fetched_at_ms = now_ms,
        .max_age_s = age > RENEWAL_LONGEST_AGE_S ? RENEWAL_LONGEST_AGE_S : age,
    };
}

struct renewal renewal_after_failure(const struct renewal *renewal, int64_t now_ms)
{
    struct renewal after = *renewal;
    after.failed_at_ms = now_ms;
    after.failures += after.failures < INT32_MAX;
    return after;
}

size_t renewal_render(const struct renewal *renewal, char record[RENEWAL_RECORD_BYTES])
{
    /* Two numbers of at most 20 characters: it has room. */
    return (size_t)snprintf(record, RENEWAL_RECORD_BYTES, "%" PRId64 " %" PRId64 "\n", renewal->fetched_at_ms,
                            renewal->max_age_s);
}

/* Reads digits and the character behind them; gives where it is then, or null. */
static const char *read_number(const char *at, const char *end, char behind, int64_t *number)
{
    const char *start = at;
    *number = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (*number > INT64_MAX / 10 - 1)
            return NULL;
        *number = *number * 10 + (*at - '0');
    }
    return at > start && at < end && *at == behind ? at + 1 : NULL;
}

struct renewal renewal_parse(const char *record, size_t length)
{
    const char *end = record + length;
    struct renewal renewal = never;
    const char *at = read_number(record, end, ' ', &renewal.fetched_at_ms);
    if (at != NULL)
        at = read_number(at, end, '\n', &renewal.max_age_s);
    bool believed = at == end && renewal.max_age_s >= 1 && renewal.max_age_s <= RENEWAL_LONGEST_AGE_S;
    return believed ? renewal : never;
}
