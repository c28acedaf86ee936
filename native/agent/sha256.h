/* SHA-256 (FIPS 180-4). Pure. */
#ifndef ALCOVE_SHA256_H
#define ALCOVE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK = 64 };

struct sha256 {
    uint32_t state[8];
    uint64_t length;                   /* of all that was added */
    unsigned char block[SHA256_BLOCK]; /* what of it does not fill one yet */
};

void sha256_begin(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, const unsigned char *bytes, size_t length);
void sha256_end(struct sha256 *sha256, unsigned char digest[SHA256_BYTES]);

#endif
