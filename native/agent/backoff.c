#include "backoff.h"

enum { SHORTEST_RECOVERY_MS = 1000 };

int64_t backoff_delay(struct backoff *backoff, int64_t ran_ms)
{
    int64_t recovery = backoff->max_ms > SHORTEST_RECOVERY_MS ? backoff->max_ms : SHORTEST_RECOVERY_MS;
    int64_t delay = ran_ms >= recovery ? 0 : backoff->next_ms;
    int64_t next = delay == 0 ? backoff->initial_ms : delay * 2;
    backoff->next_ms = next < backoff->max_ms ? next : backoff->max_ms;
    return delay;
}
