#include "sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int count)
{
    return word >> count | word << (32 - count);
}

static void expand(uint32_t words[64], const unsigned char *block)
{
    for (size_t at = 0; at < 16; at++, block += 4)
        words[at] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    for (size_t at = 16; at < 64; at++) {
        uint32_t early = words[at - 15], late = words[at - 2];
        words[at] = words[at - 16] + (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + words[at - 7] +
                    (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    }
}

static void compress(uint32_t state[8], const unsigned char *block)
{
    uint32_t words[64];
    expand(words, block);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t at = 0; at < 64; at++) {
        uint32_t one = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[at] +
                       words[at];
        uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one;
        d = c, c = b, b = a, a = one + two;
    }
    const uint32_t added[8] = {a, b, c, d, e, f, g, h};
    for (size_t at = 0; at < 8; at++)
        state[at] += added[at];
}

void sha256_begin(struct sha256 *sha256)
{
    *sha256 = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                                        0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *sha256, const unsigned char *bytes, size_t length)
{
    size_t filled = sha256->length % SHA256_BLOCK;
    sha256->length += length;
    if (filled > 0) {
        size_t added = length < SHA256_BLOCK - filled ? length : SHA256_BLOCK - filled;
        memcpy(sha256->block + filled, bytes, added);
        bytes += added;
        length -= added;
        if (filled + added < SHA256_BLOCK)
            return;
        compress(sha256->state, sha256->block);
    }
    for (; length >= SHA256_BLOCK; bytes += SHA256_BLOCK, length -= SHA256_BLOCK)
        compress(sha256->state, bytes);
    if (length > 0)
        memcpy(sha256->block, bytes, length);
}

void sha256_end(struct sha256 *sha256, unsigned char digest[SHA256_BYTES])
{
    static const unsigned char padding[SHA256_BLOCK] = {0x80};
    uint64_t bits = sha256->length * 8;
    unsigned char ending[8];
    size_t filled = sha256->length % SHA256_BLOCK;
    for (size_t at = 0; at < sizeof ending; at++)
        ending[at] = (unsigned char)(bits >> (56 - 8 * at));
    sha256_add(sha256, padding, (filled < 56 ? 56 : 120) - filled);
    sha256_add(sha256, ending, sizeof ending);
    for (size_t at = 0; at < SHA256_BYTES; at++)
        digest[at] = (unsigned char)(sha256->state[at / 4] >> (24 - 8 * (at % 4)));
}
