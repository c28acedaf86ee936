#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST = 1024, KEPT = 64 * 1024 };

unsigned char *bytes_reserve(struct bytes *bytes, size_t length)
{
    size_t needed = bytes->length + length;
    if (needed < length)
        return NULL;
    if (bytes->start > 0 && bytes->start + needed > bytes->capacity) {
        memmove(bytes->content, bytes->content + bytes->start, bytes->length);
        bytes->start = 0;
    }
    if (needed > bytes->capacity || bytes->content == NULL) {
        size_t capacity = bytes->capacity > 0 ? bytes->capacity : LEAST;
        while (capacity < needed)
            capacity += capacity / 2;
        unsigned char *content = realloc(bytes->content, capacity);
        if (content == NULL)
            return NULL;
        bytes->content = content;
        bytes->capacity = capacity;
    }
    return bytes->content + bytes->start + bytes->length;
}

bool bytes_append(struct bytes *bytes, const void *content, size_t length)
{
    unsigned char *room = bytes_reserve(bytes, length);
    if (room == NULL)
        return false;
    if (length > 0)
        memcpy(room, content, length);
    bytes->length += length;
    return true;
}

void bytes_take(struct bytes *bytes, size_t length)
{
    bytes->start += length;
    bytes->length -= length;
    if (bytes->length > 0)
        return;
    bytes->start = 0;
    if (bytes->capacity > KEPT)
        bytes_free(bytes);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->content);
    *bytes = (struct bytes){.content = NULL};
}
