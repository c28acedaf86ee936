#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 1024, TEXT_END = LINE_BYTES - 100, PATIENCE_MS = 100 };

struct line {
    char bytes[LINE_BYTES];
    size_t length;
};

__attribute__((format(printf, 2, 0))) static void append(struct line *line, const char *format, va_list values)
{
    size_t room = TEXT_END - line->length;
    int written = vsnprintf(line->bytes + line->length, room, format, values);
    if (written > 0)
        line->length += (size_t)written < room ? (size_t)written : room - 1;
}

static void append_text(struct line *line, const char *text)
{
    size_t length = strnlen(text, LINE_BYTES - 1 - line->length);
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void send(struct line *line)
{
    for (size_t at = 0; at < line->length; at++)
        if ((unsigned char)line->bytes[at] < ' ' || line->bytes[at] == '\x7f')
            line->bytes[at] = '?';
    line->bytes[line->length++] = '\n';
    struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&reader, 1, PATIENCE_MS) != 1 || (reader.revents & POLLOUT) == 0)
        return;
    /* Nobody is left to be told when this fails. */
    if (write(STDERR_FILENO, line->bytes, line->length) < 0)
        return;
}

void log_line(const char *format, ...)
{
    struct line line = {.length = 0};
    va_list values;
    append_text(&line, "alcove-agent: ");
    va_start(values, format);
    append(&line, format, values);
    va_end(values);
    send(&line);
}

void log_tell(const char *format, ...)
{
    struct line line = {.length = 0};
    va_list values;
    append_text(&line, "[alcove] ");
    va_start(values, format);
    append(&line, format, values);
    va_end(values);
    send(&line);
}

void log_copy(int descriptor, const unsigned char *content, size_t length)
{
    struct pollfd reader = {.fd = descriptor, .events = POLLOUT};
    while (length > 0 && poll(&reader, 1, PATIENCE_MS) == 1 && (reader.revents & POLLOUT) != 0) {
        /* That much a pipe takes without waiting. */
        ssize_t written = write(descriptor, content, length < PIPE_BUF ? length : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (written > 0) {
            content += written;
            length -= (size_t)written;
        }
    }
}

void log_errno(const char *format, ...)
{
    const char *reason = strerror(errno);
    struct line line = {.length = 0};
    va_list values;
    append_text(&line, "alcove-agent: ");
    va_start(values, format);
    append(&line, format, values);
    va_end(values);
    append_text(&line, ": ");
    append_text(&line, reason);
    send(&line);
}
