/* What the agent says: single lines on standard error, never in the way of the command's own output. */
#ifndef ALCOVE_LOG_H
#define ALCOVE_LOG_H

#include <stddef.h>

/*
 * Writes "alcove-agent: ", the text and a newline with one write(2), so that lines do not mix.
 * Control characters, which may come from arguments, become '?'; text of more than 900 bytes is cut.
 * A reader that has stopped reading loses the line: supervising does not wait for it.
 */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same, followed by the text of errno. */
__attribute__((format(printf, 1, 2))) void log_errno(const char *format, ...);

/* What the container's user is told in their own container's log: the same, behind "[alcove] ". */
__attribute__((format(printf, 1, 2))) void log_tell(const char *format, ...);

/* Copies bytes to standard output or error as they are; a reader that has stopped reading loses them. */
void log_copy(int descriptor, const unsigned char *content, size_t length);

#endif
