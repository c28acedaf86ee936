#include "values.h"

#include <string.h>

enum { MOST_PORTS = 65535, MOST_NAME = 253 };

static bool read_number(const char *text, size_t length, int64_t max, int64_t *number)
{
    int64_t total = 0;
    for (size_t at = 0; at < length; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        total = total * 10 + (text[at] - '0');
        if (total > max)
            return false;
    }
    *number = total;
    return length > 0;
}

bool values_number(const char *text, int64_t max, int64_t *number)
{
    return read_number(text, strlen(text), max, number);
}

static bool read_port(const char *text, size_t length, uint16_t *port)
{
    int64_t number;
    if (!read_number(text, length, MOST_PORTS, &number) || number == 0)
        return false;
    *port = (uint16_t)number;
    return true;
}

bool values_port(const char *text, uint16_t *port)
{
    return read_port(text, strlen(text), port);
}

bool values_port_pair(const char *text, uint16_t *outbound, uint16_t *inbound)
{
    const char *colon = strchr(text, ':');
    return colon != NULL && read_port(text, (size_t)(colon - text), outbound) && values_port(colon + 1, inbound) &&
           *outbound != *inbound;
}

static bool is_of_url(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at++)
        if (text[at] <= ' ' || text[at] >= '\x7f')
            return false;
    return text[0] == '/' && length <= EXCHANGE_PATH_BYTES;
}

bool values_fetch(const char *text, struct exchange_fetch *fetch)
{
    const char *equals = strrchr(text, '=');
    if (equals == NULL || !is_of_url(text, (size_t)(equals - text)))
        return false;
    const char *file = equals + 1;
    if (*file == '\0' || *file == '.' || strlen(file) > EXCHANGE_FILE_BYTES || strchr(file, '/') != NULL)
        return false;
    *fetch = (struct exchange_fetch){.path = text, .path_length = (int)(equals - text), .file = file};
    return true;
}

bool values_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(text);
    return length > 0 && length <= MOST_NAME && *text != '.' && strspn(text, allowed) == length;
}
