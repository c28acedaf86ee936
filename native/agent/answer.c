#include "answer.h"

#include <string.h>
#include <strings.h>

/* More than a body may be, yet far from what could overflow when a digit is added. */
#define MOST INT64_C(100000000000)

void answer_begin(struct answer *answer)
{
    /* Not the buffers, which are large, and read only as far as they were written. */
    memset(answer, 0, offsetof(struct answer, line));
    answer->max_age_s = answer->length = -1;
}

static void fail(struct answer *answer, const char *fault)
{
    answer->state = ANSWER_FAULT;
    answer->fault = fault;
}

static int digit_of(char character, int base)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, character >= 'A' && character <= 'F' ? character + ('a' - 'A') : character, 16);
    return at != NULL && at - digits < base ? (int)(at - digits) : -1;
}

/* Reads digits, at most up to MOST; gives how many there were. */
static size_t read_number(const char *text, size_t length, int base, int64_t *number)
{
    size_t at = 0;
    *number = 0;
    for (; at < length && digit_of(text[at], base) >= 0; at++)
        if (*number < MOST)
            *number = *number * base + digit_of(text[at], base);
    if (*number > MOST)
        *number = MOST;
    return at;
}

struct text {
    const char *start;
    size_t length;
};

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

static struct text trim(struct text text)
{
    while (text.length > 0 && is_blank(text.start[0]))
        text = (struct text){text.start + 1, text.length - 1};
    while (text.length > 0 && is_blank(text.start[text.length - 1]))
        text.length--;
    return text;
}

static bool is_word(struct text text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.start, word, text.length) == 0;
}

static void read_status(struct answer *answer, struct text line)
{
    int64_t status;
    if (line.length < 12 || memcmp(line.start, "HTTP/1.", 7) != 0 || digit_of(line.start[7], 10) < 0 ||
        line.start[8] != ' ' || read_number(line.start + 9, 3, 10, &status) != 3 || status < 100 ||
        (line.length > 12 && line.start[12] != ' ')) {
        fail(answer, "it does not begin as an HTTP/1 answer");
        return;
    }
    answer->status = (int)status;
    answer->state = ANSWER_HEADERS;
}

static void read_length(struct answer *answer, struct text value)
{
    int64_t length;
    if (answer->length >= 0)
        fail(answer, "it has two lengths");
    else if (value.length == 0 || read_number(value.start, value.length, 10, &length) != value.length)
        fail(answer, "its length is not a number");
    else
        answer->length = length;
}

static void read_coding(struct answer *answer, struct text value)
{
    if (answer->chunked || !is_word(value, "chunked"))
        fail(answer, "its transfer coding is not chunked");
    answer->chunked = true;
}

/* Of several ages the first counts. */
static void read_cache_control(struct answer *answer, struct text value)
{
    static const char name[] = "max-age=";
    const size_t name_length = sizeof name - 1;
    while (value.length > 0) {
        const char *comma = memchr(value.start, ',', value.length);
        size_t length = comma == NULL ? value.length : (size_t)(comma - value.start);
        struct text directive = trim((struct text){value.start, length});
        int64_t seconds;
        if (answer->max_age_s < 0 && directive.length > name_length &&
            strncasecmp(directive.start, name, name_length) == 0 &&
            read_number(directive.start + name_length, directive.length - name_length, 10, &seconds) ==
                directive.length - name_length)
            answer->max_age_s = seconds;
        length += comma != NULL;
        value = (struct text){value.start + length, value.length - length};
    }
}

static void read_header(struct answer *answer, struct text line)
{
    const char *colon = memchr(line.start, ':', line.length);
    struct text name = {line.start, colon == NULL ? 0 : (size_t)(colon - line.start)};
    if (name.length == 0 || memchr(name.start, ' ', name.length) != NULL ||
        memchr(name.start, '\t', name.length) != NULL) {
        fail(answer, "one of its headers has no name");
        return;
    }
    struct text value = trim((struct text){colon + 1, line.length - name.length - 1});
    if (is_word(name, "content-length"))
        read_length(answer, value);
    else if (is_word(name, "transfer-encoding"))
        read_coding(answer, value);
    else if (is_word(name, "cache-control"))
        read_cache_control(answer, value);
}

static void end_headers(struct answer *answer)
{
    size_t head_length = answer->head_length;
    if (answer->chunked && answer->length >= 0)
        fail(answer, "it has a length and chunks");
    else if (answer->status == 101)
        fail(answer, "it changes the protocol");
    else if (answer->status < 200) {
        /* Not the answer yet; but its bytes count, so that there is an end to such. */
        answer_begin(answer);
        answer->head_length = head_length;
    } else if (answer->status == 204 || answer->status == 304 || answer->length == 0)
        answer->state = ANSWER_DONE;
    else if (answer->length > ANSWER_BODY_BYTES)
        fail(answer, "its body is larger than 256 KiB");
    else if (answer->chunked)
        answer->state = ANSWER_CHUNK_SIZE;
    else
        answer->state = answer->length > 0 ? ANSWER_LENGTH : ANSWER_UNTIL_CLOSE;
}

static void read_chunk_size(struct answer *answer, struct text line)
{
    size_t digits = read_number(line.start, line.length, 16, &answer->length);
    struct text rest = trim((struct text){line.start + digits, line.length - digits});
    if (digits == 0 || (rest.length > 0 && rest.start[0] != ';'))
        fail(answer, "the size of a chunk is not a number");
    else
        answer->state = answer->length > 0 ? ANSWER_CHUNK : ANSWER_TRAILERS;
}

static void read_line(struct answer *answer, struct text line)
{
    switch (answer->state) {
    case ANSWER_STATUS:
        read_status(answer, line);
        return;
    case ANSWER_HEADERS:
        if (line.length > 0)
            read_header(answer, line);
        else
            end_headers(answer);
        return;
    case ANSWER_CHUNK_SIZE:
        read_chunk_size(answer, line);
        return;
    case ANSWER_CHUNK_END:
        if (line.length > 0)
            fail(answer, "a chunk is longer than its size");
        else
            answer->state = ANSWER_CHUNK_SIZE;
        return;
    default: /* ANSWER_TRAILERS, which say nothing to us */
        if (line.length == 0)
            answer->state = ANSWER_DONE;
    }
}

static void take_line_byte(struct answer *answer, char byte)
{
    if (++answer->head_length > ANSWER_HEAD_BYTES) {
        fail(answer, "its headers are larger than 16 KiB");
        return;
    }
    if (byte != '\n') {
        answer->line[answer->line_length++] = byte;
        return;
    }
    struct text line = {answer->line, answer->line_length};
    if (line.length > 0 && line.start[line.length - 1] == '\r')
        line.length--;
    answer->line_length = 0;
    if (memchr(line.start, '\r', line.length) != NULL || memchr(line.start, '\0', line.length) != NULL)
        fail(answer, "a line of it has a control character");
    else
        read_line(answer, line);
}

/* Gives how much of it is body. */
static size_t take_body(struct answer *answer, const char *bytes, size_t length)
{
    bool bounded = answer->state != ANSWER_UNTIL_CLOSE;
    size_t taken = bounded && (int64_t)length > answer->length ? (size_t)answer->length : length;
    if (taken > ANSWER_BODY_BYTES - answer->body_length) {
        fail(answer, "its body is larger than 256 KiB");
        return length;
    }
    memcpy(answer->body + answer->body_length, bytes, taken);
    answer->body_length += taken;
    if (!bounded)
        return taken;
    answer->length -= (int64_t)taken;
    if (answer->length == 0)
        answer->state = answer->state == ANSWER_LENGTH ? ANSWER_DONE : ANSWER_CHUNK_END;
    return taken;
}

void answer_take(struct answer *answer, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length && !answer_is_over(answer))
        switch (answer->state) {
        case ANSWER_LENGTH:
        case ANSWER_CHUNK:
        case ANSWER_UNTIL_CLOSE:
            at += take_body(answer, bytes + at, length - at);
            break;
        default:
            take_line_byte(answer, bytes[at++]);
        }
}

void answer_close(struct answer *answer)
{
    if (answer->state == ANSWER_UNTIL_CLOSE)
        answer->state = ANSWER_DONE;
    else if (!answer_is_over(answer))
        fail(answer, answer->state == ANSWER_STATUS ? "the connection was closed without an answer"
                                                    : "the connection was closed in the midst of it");
}
