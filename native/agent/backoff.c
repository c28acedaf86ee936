#include "backoff.h"

int64_t backoff_delay(struct backoff *backoff, int64_t ran_ms)
{
    int64_t delay = ran_ms >= backoff->recovery_ms ? 0 : backoff->next_ms;
    int64_t next = delay == 0 ? backoff->initial_ms : delay * 2;
    backoff->next_ms = next < backoff->max_ms ? next : backoff->max_ms;
    return delay;
}
