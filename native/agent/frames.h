/*
 * Frames: u32 length of what follows | u8 type | u32 request | payload. The messages are described where the hub
 * speaks them, in src/alcove/agents. Pure but for memory.
 */
#ifndef ALCOVE_FRAMES_H
#define ALCOVE_FRAMES_H

#include "bytes.h"
#include "payload.h"

enum {
    FRAMES_VERSION = 1,
    FRAMES_HEAD = 9,
    FRAMES_LARGEST = (1 << 20) + 64, /* the most that follows a length */
};

enum frame_type {
    FRAME_HELLO = 0,
    FRAME_BEGIN = 1,
    FRAME_FILE,
    FRAME_DATA,
    FRAME_LINK,
    FRAME_DIRECTORY,
    FRAME_REMOVE,
    FRAME_MODE,
    FRAME_COMMIT,
    FRAME_TREE,
    FRAME_RUN,
    FRAME_INPUT,
    FRAME_INPUT_END,
    FRAME_SIGNAL,
    FRAME_STOP,
    FRAME_START,
    FRAME_PING,
    FRAME_LOG = 32,
    FRAME_BUILT,
    FRAME_SETTINGS,
    FRAME_BUILD_FAILED,
    FRAME_DONE = 64,
    FRAME_FAILED,
    FRAME_ENTRY,
    FRAME_STARTED,
    FRAME_OUTPUT,
    FRAME_EXITED,
    FRAME_ERROR,
    FRAME_COMMAND_STARTED = 80,
    FRAME_COMMAND_EXITED,
};

struct frame {
    uint8_t type;
    uint32_t request;
    struct payload payload;
};

enum frames_found { FRAMES_NONE, FRAMES_ONE, FRAMES_BROKEN };

/*
 * Looks for a whole frame at the beginning of what came. It points into the bytes; its size is what to take from
 * them afterwards. Broken is what no frame begins with.
 */
enum frames_found frames_find(const struct bytes *bytes, struct frame *frame, size_t *size);

/* What goes out. Once memory was missing it is broken: what is in it is not to be sent any more. */
struct outbox {
    struct bytes bytes;
    size_t begun; /* where the frame that is being written begins, behind bytes_begin */
    bool broken;
};

void outbox_begin(struct outbox *outbox, enum frame_type type, uint32_t request);
void outbox_number(struct outbox *outbox, uint64_t number, size_t size);
void outbox_raw(struct outbox *outbox, const void *bytes, size_t length);
void outbox_bytes(struct outbox *outbox, const void *bytes, size_t length);
void outbox_text(struct outbox *outbox, const char *text);
void outbox_end(struct outbox *outbox);

/* Whole frames of these kinds. */
void outbox_value(struct outbox *outbox, enum frame_type type, uint32_t request, int64_t value);
void outbox_failed(struct outbox *outbox, uint32_t request, const char *path, const char *reason, bool partly);

#endif
