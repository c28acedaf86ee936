#include "records.h"

#include "files.h"
#include "values.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READABLE = 0644 };

void record_add_text(struct record *record, const char *text)
{
    record->broken = record->broken || !bytes_append(&record->bytes, text, strlen(text) + 1);
}

void record_add_texts(struct record *record, char *const *texts)
{
    char count[24];
    size_t length = 0;
    while (texts != NULL && texts[length] != NULL)
        length++;
    (void)snprintf(count, sizeof count, "%zu", length);
    record_add_text(record, count);
    for (size_t at = 0; at < length; at++)
        record_add_text(record, texts[at]);
}

const char *record_text(struct record *record)
{
    const char *text = (const char *)bytes_begin(&record->bytes) + record->at;
    size_t left = record->bytes.length - record->at;
    size_t length = left > 0 ? strnlen(text, left) : 0;
    if (length == left) {
        record->broken = true;
        return "";
    }
    record->at += length + 1;
    return text;
}

char **record_texts(struct record *record)
{
    int64_t count = 0;
    /* Each takes a byte at least. */
    if (!values_number(record_text(record), (int64_t)(record->bytes.length - record->at), &count))
        record->broken = true;
    char **texts = record->broken ? NULL : calloc((size_t)count + 1, sizeof *texts);
    if (texts == NULL) {
        record->broken = true;
        return NULL;
    }
    for (int64_t at = 0; at < count; at++)
        texts[at] = (char *)(uintptr_t)record_text(record);
    if (!record->broken)
        return texts;
    free(texts);
    return NULL;
}

bool record_write(const struct record *record, const char *directory, const char *name)
{
    struct files_content content = {bytes_begin(&record->bytes), record->bytes.length, READABLE};
    if (record->broken) {
        errno = ENOMEM;
        return false;
    }
    return files_replace(directory, name, &content);
}

static bool join(char path[PATH_MAX], const char *directory, const char *name)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    errno = ENAMETOOLONG;
    return length > 0 && length < PATH_MAX;
}

bool record_read(struct record *record, const char *directory, const char *name)
{
    char path[PATH_MAX];
    unsigned char *room = bytes_reserve(&record->bytes, RECORDS_BYTES);
    if (room == NULL || !join(path, directory, name))
        return false;
    ssize_t length = files_read(path, (char *)room, RECORDS_BYTES);
    if (length < 0)
        return false;
    record->bytes.length = (size_t)length;
    return true;
}

bool record_remove(const char *directory, const char *name)
{
    char path[PATH_MAX];
    return join(path, directory, name) && (unlink(path) == 0 || errno == ENOENT);
}

void record_free(struct record *record)
{
    bytes_free(&record->bytes);
    *record = (struct record){.broken = false};
}
