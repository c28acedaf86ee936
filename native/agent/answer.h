/*
 * An HTTP/1.1 answer, read as it comes. Pure: bytes in, no I/O, no allocation.
 *
 * It trusts nobody, though only an Envoy of our own pod speaks here: whatever the bytes are, they end as an
 * answer or as a fault with a reason, within the bounds below. What proxies are known to disagree about is a
 * fault: two lengths, a length beside chunks, a folded header, a bare carriage return.
 *
 *   STATUS ─► HEADERS ─┬─► LENGTH ───────────────────────────────► DONE
 *      ▲         │     ├─► CHUNK_SIZE ─► CHUNK ─► CHUNK_END        ▲
 *      └─────────┘     │       ▲  └─► TRAILERS ──────│─────────────┤
 *       (a 1xx)        │       └─────────────────────┘             │
 *                      └─► UNTIL_CLOSE ────────────────────────────┘
 */
#ifndef ALCOVE_ANSWER_H
#define ALCOVE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ANSWER_HEAD_BYTES = 16 * 1024,  /* all that is not body: lines of status, headers, chunk sizes, trailers */
    ANSWER_BODY_BYTES = 256 * 1024, /* without the framing of chunks */
};

enum answer_state {
    ANSWER_STATUS,
    ANSWER_HEADERS,
    ANSWER_LENGTH,
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK,
    ANSWER_CHUNK_END,
    ANSWER_TRAILERS,
    ANSWER_UNTIL_CLOSE,
    ANSWER_DONE,
    ANSWER_FAULT,
};

struct answer {
    enum answer_state state;
    const char *fault; /* why, when the state is ANSWER_FAULT */
    int status;
    int64_t max_age_s; /* of Cache-Control; -1 when it says none */
    int64_t length;    /* of Content-Length, then what is missing of the body or chunk; -1 when not told */
    bool chunked;
    size_t head_length; /* what was taken of ANSWER_HEAD_BYTES */
    size_t line_length;
    size_t body_length;
    char line[ANSWER_HEAD_BYTES]; /* the one that is being read, without its end */
    char body[ANSWER_BODY_BYTES];
};

/* Makes it one of which nothing has come yet. */
void answer_begin(struct answer *answer);

/* Takes what came. Nothing is taken any more once it is done or at fault. */
void answer_take(struct answer *answer, const char *bytes, size_t length);

/* The other side has closed: the end of some answers, a fault in others. */
void answer_close(struct answer *answer);

static inline bool answer_is_over(const struct answer *answer)
{
    return answer->state == ANSWER_DONE || answer->state == ANSWER_FAULT;
}

#endif
