/* The two clocks there are, in milliseconds. */
#ifndef ALCOVE_CLOCK_H
#define ALCOVE_CLOCK_H

#include <stdint.h>

/* One that nobody sets, for how long something took. */
int64_t clock_monotonic_ms(void);

/* The one that certificates are judged by. Somebody may set it, forwards and backwards. */
int64_t clock_wall_ms(void);

#endif
