#include "frames.h"

#include <string.h>

enum { LENGTH = 4, LEAST = FRAMES_HEAD - LENGTH };

enum frames_found frames_find(const struct bytes *bytes, struct frame *frame, size_t *size)
{
    if (bytes->length < LENGTH)
        return FRAMES_NONE;
    const unsigned char *begin = bytes_begin(bytes);
    struct payload head = {.at = begin, .end = begin + bytes->length};
    size_t length = payload_u32(&head);
    if (length < LEAST || length > FRAMES_LARGEST)
        return FRAMES_BROKEN;
    if (bytes->length - LENGTH < length)
        return FRAMES_NONE;
    *size = LENGTH + length;
    frame->type = payload_u8(&head);
    frame->request = payload_u32(&head);
    frame->payload = (struct payload){.at = begin + FRAMES_HEAD, .end = begin + *size};
    return FRAMES_ONE;
}

void outbox_raw(struct outbox *outbox, const void *bytes, size_t length)
{
    outbox->broken = outbox->broken || !bytes_append(&outbox->bytes, bytes, length);
}

static void put_number(unsigned char *place, uint64_t number, size_t size)
{
    for (size_t at = 0; at < size; at++)
        place[at] = (unsigned char)(number >> 8 * (size - 1 - at));
}

void outbox_number(struct outbox *outbox, uint64_t number, size_t size)
{
    unsigned char bytes[sizeof number];
    put_number(bytes, number, size);
    outbox_raw(outbox, bytes, size);
}

void outbox_begin(struct outbox *outbox, enum frame_type type, uint32_t request)
{
    outbox->begun = outbox->bytes.length;
    outbox_number(outbox, 0, LENGTH);
    outbox_number(outbox, type, sizeof(uint8_t));
    outbox_number(outbox, request, sizeof(uint32_t));
}

void outbox_bytes(struct outbox *outbox, const void *bytes, size_t length)
{
    outbox_number(outbox, length, sizeof(uint32_t));
    outbox_raw(outbox, bytes, length);
}

void outbox_text(struct outbox *outbox, const char *text)
{
    outbox_bytes(outbox, text, strlen(text));
}

void outbox_end(struct outbox *outbox)
{
    if (!outbox->broken)
        put_number(bytes_begin(&outbox->bytes) + outbox->begun, outbox->bytes.length - outbox->begun - LENGTH, LENGTH);
}

void outbox_value(struct outbox *outbox, enum frame_type type, uint32_t request, int64_t value)
{
    outbox_begin(outbox, type, request);
    outbox_number(outbox, (uint64_t)value, sizeof(uint32_t));
    outbox_end(outbox);
}

void outbox_failed(struct outbox *outbox, uint32_t request, const char *path, const char *reason, bool partly)
{
    outbox_begin(outbox, FRAME_FAILED, request);
    outbox_text(outbox, path);
    outbox_text(outbox, reason);
    outbox_number(outbox, partly, sizeof(uint8_t));
    outbox_end(outbox);
}
