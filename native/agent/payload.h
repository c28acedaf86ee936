/*
 * Values in what follows a frame's head. Whatever the bytes are, reading stays within them: what is missing is
 * zero or null, and the payload is bad from then on.
 */
#ifndef ALCOVE_PAYLOAD_H
#define ALCOVE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct payload {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

uint8_t payload_u8(struct payload *payload);
uint16_t payload_u16(struct payload *payload);
uint32_t payload_u32(struct payload *payload);
uint64_t payload_u64(struct payload *payload);

/* So many bytes, in their place; null when there are fewer. */
const unsigned char *payload_bytes(struct payload *payload, size_t length);

/* A copy, ended, to be freed; null when it is bad: a NUL within, or no memory. */
char *payload_text(struct payload *payload);

/* The same of a list: one block to be freed, that ends with a null pointer. */
char **payload_texts(struct payload *payload);

/* All that is left. */
const unsigned char *payload_rest(struct payload *payload, size_t *length);

/* Whether all was well, and nothing is left. */
bool payload_is_whole(const struct payload *payload);

#endif
