#include "payload.h"

#include <stdlib.h>
#include <string.h>

const unsigned char *payload_bytes(struct payload *payload, size_t length)
{
    if (payload->bad || (size_t)(payload->end - payload->at) < length) {
        payload->bad = true;
        return NULL;
    }
    const unsigned char *bytes = payload->at;
    payload->at += length;
    return bytes;
}

static uint64_t read_number(struct payload *payload, size_t length)
{
    const unsigned char *bytes = payload_bytes(payload, length);
    uint64_t number = 0;
    for (size_t at = 0; bytes != NULL && at < length; at++)
        number = number << 8 | bytes[at];
    return number;
}

uint8_t payload_u8(struct payload *payload)
{
    return (uint8_t)read_number(payload, sizeof(uint8_t));
}

uint16_t payload_u16(struct payload *payload)
{
    return (uint16_t)read_number(payload, sizeof(uint16_t));
}

uint32_t payload_u32(struct payload *payload)
{
    return (uint32_t)read_number(payload, sizeof(uint32_t));
}

uint64_t payload_u64(struct payload *payload)
{
    return read_number(payload, sizeof(uint64_t));
}

/* In its place; null when it is missing or has a NUL. */
static const unsigned char *read_text(struct payload *payload, size_t *length)
{
    *length = payload_u32(payload);
    const unsigned char *bytes = payload_bytes(payload, *length);
    if (bytes != NULL && memchr(bytes, '\0', *length) != NULL) {
        payload->bad = true;
        return NULL;
    }
    return bytes;
}

static char *copy(char *to, const unsigned char *bytes, size_t length)
{
    memcpy(to, bytes, length);
    to[length] = '\0';
    return to + length + 1;
}

char *payload_text(struct payload *payload)
{
    size_t length;
    const unsigned char *bytes = read_text(payload, &length);
    char *text = bytes != NULL ? malloc(length + 1) : NULL;
    if (text == NULL)
        payload->bad = true;
    else
        (void)copy(text, bytes, length);
    return text;
}

/* How much memory the texts of a list take, each with its end; goes over them. */
static size_t measure(struct payload *payload, uint32_t count)
{
    size_t size = 0;
    for (uint32_t at = 0; at < count && !payload->bad; at++) {
        size_t length;
        (void)read_text(payload, &length);
        size += length + 1;
    }
    return size;
}

char **payload_texts(struct payload *payload)
{
    uint32_t count = payload_u32(payload);
    struct payload ahead = *payload;
    size_t size = measure(&ahead, count); /* a count that is a lie ends at the first text that is missing */
    char **texts = ahead.bad ? NULL : malloc((count + (size_t)1) * sizeof *texts + size);
    if (texts == NULL) {
        payload->bad = true;
        return NULL;
    }
    char *place = (char *)(texts + count + 1);
    for (uint32_t at = 0; at < count; at++) {
        size_t length;
        const unsigned char *bytes = read_text(payload, &length);
        texts[at] = place;
        place = copy(place, bytes, length);
    }
    texts[count] = NULL;
    return texts;
}

const unsigned char *payload_rest(struct payload *payload, size_t *length)
{
    *length = payload->bad ? 0 : (size_t)(payload->end - payload->at);
    return payload_bytes(payload, *length);
}

bool payload_is_whole(const struct payload *payload)
{
    return !payload->bad && payload->at == payload->end;
}
