/*
 * Asks the agent's pure parts, one question a line, one line an answer:
 *
 *   answer BYTES PIECE CLOSED   and as many bytes: taken in pieces (0: at once), closed behind them (1)
 *   due FETCHED AGE FAILED FAILURES INITIAL MAX NOW
 *   stale FETCHED AGE NOW
 *   success NOW AGE
 *   record FETCHED AGE         rendered, and parsed again
 *   parse BYTES                 and as many bytes
 *   backoff INITIAL MAX RECOVERY RAN
 *   rules OUT IN UID DIRECT     with that many direct ports, from 1
 *   sha256 BYTES PIECE          and as many bytes, in pieces
 *   frames BYTES PIECE          and as many bytes, as they would come: each frame's type, request and length
 *   payload BYTES ORDER         and as many bytes, read as the digits of ORDER say: 1 u8, 2 u16, 4 u32, 8 u64,
 *                               5 text, 6 texts, 7 four bytes; then whether nothing is left, and all was well
 *   values BYTES                and as many bytes, as of a file: two lists and a text
 *   path BYTES                  and as many bytes: whether it is below a root
 */
#include "answer.h"
#include "backoff.h"
#include "frames.h"
#include "paths.h"
#include "records.h"
#include "redirect.h"
#include "renewal.h"
#include "sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exactly as large as it is, so that reading beyond is seen. */
static char *read_bytes(size_t length)
{
    char *bytes = malloc(length > 0 ? length : 1);
    if (bytes == NULL || fread(bytes, 1, length, stdin) != length)
        exit(1);
    return bytes;
}

static void take_in_pieces(struct answer *answer, const char *bytes, size_t length, size_t piece)
{
    for (size_t at = 0; at < length; at += piece) {
        size_t taken = length - at < piece ? length - at : piece;
        char *copy = malloc(taken);
        if (copy == NULL)
            exit(1);
        memcpy(copy, bytes + at, taken);
        answer_take(answer, copy, taken);
        free(copy);
    }
}

static void drive_answer(const int64_t *numbers)
{
    static struct answer answer;
    size_t length = (size_t)numbers[0];
    char *bytes = read_bytes(length);
    answer_begin(&answer);
    take_in_pieces(&answer, bytes, length, numbers[1] > 0 ? (size_t)numbers[1] : length + 1);
    if (numbers[2] != 0)
        answer_close(&answer);
    free(bytes);
    printf("%d %d %" PRId64 " ", (int)answer.state, answer.status, answer.max_age_s);
    for (size_t at = 0; at < answer.body_length; at++)
        printf("%02x", (unsigned)(unsigned char)answer.body[at]);
    printf(" %s\n", answer.state == ANSWER_FAULT ? answer.fault : "");
}

static void drive_due(const int64_t *numbers)
{
    struct renewal renewal = {numbers[0], numbers[1], numbers[2], (int)numbers[3]};
    struct renewal_patience patience = {numbers[4], numbers[5]};
    printf("%" PRId64 "\n", renewal_due_ms(&renewal, &patience, numbers[6]));
}

static void drive_stale(const int64_t *numbers)
{
    struct renewal renewal = {.fetched_at_ms = numbers[0], .max_age_s = numbers[1]};
    printf("%d\n", renewal_is_stale(&renewal, numbers[2]));
}

static void print_renewal(struct renewal renewal)
{
    printf("%" PRId64 " %" PRId64 "\n", renewal.fetched_at_ms, renewal.max_age_s);
}

static void drive_success(const int64_t *numbers)
{
    print_renewal(renewal_after_success(numbers[0], numbers[1]));
}

static void drive_record(const int64_t *numbers)
{
    char record[RENEWAL_RECORD_BYTES];
    struct renewal renewal = {.fetched_at_ms = numbers[0], .max_age_s = numbers[1]};
    print_renewal(renewal_parse(record, renewal_render(&renewal, record)));
}

static void drive_parse(const int64_t *numbers)
{
    char *bytes = read_bytes((size_t)numbers[0]);
    print_renewal(renewal_parse(bytes, (size_t)numbers[0]));
    free(bytes);
}

static void drive_backoff(const int64_t *numbers)
{
    struct backoff backoff = {.initial_ms = numbers[0], .max_ms = numbers[1], .recovery_ms = numbers[2]};
    for (int count = 0; count < 15; count++)
        printf("%" PRId64 " ", backoff_delay(&backoff, 0));
    printf("%" PRId64 "\n", backoff_delay(&backoff, numbers[3]));
}

static void drive_rules(const int64_t *numbers)
{
    char rules[REDIRECT_RULES_BYTES];
    struct redirect_settings settings = {
        .outbound = (uint16_t)numbers[0],
        .inbound = (uint16_t)numbers[1],
        .uid = (uint32_t)numbers[2],
        .direct_count = (size_t)numbers[3],
    };
    for (size_t at = 0; at < settings.direct_count; at++)
        settings.direct[at] = (uint16_t)(65535 - at);
    size_t length = redirect_render(&settings, rules);
    for (size_t at = 0; at < length; at++)
        putchar(rules[at] == '\n' ? ';' : rules[at]);
    putchar('\n');
}

static void drive_sha256(const int64_t *numbers)
{
    struct sha256 sha256;
    unsigned char digest[SHA256_BYTES];
    size_t length = (size_t)numbers[0], piece = (size_t)numbers[1];
    char *bytes = read_bytes(length);
    sha256_begin(&sha256);
    for (size_t at = 0; at < length; at += piece)
        sha256_add(&sha256, (const unsigned char *)bytes + at, length - at < piece ? length - at : piece);
    sha256_end(&sha256, digest);
    free(bytes);
    for (size_t at = 0; at < sizeof digest; at++)
        printf("%02x", (unsigned)digest[at]);
    putchar('\n');
}

static enum frames_found print_frames(struct bytes *inbox)
{
    struct frame frame;
    size_t size, length;
    enum frames_found found;
    while ((found = frames_find(inbox, &frame, &size)) == FRAMES_ONE) {
        (void)payload_rest(&frame.payload, &length);
        printf("%d:%" PRIu32 ":%zu ", frame.type, frame.request, length);
        bytes_take(inbox, size);
    }
    return found;
}

static void drive_frames(const int64_t *numbers)
{
    struct bytes inbox = {.content = NULL};
    size_t length = (size_t)numbers[0], piece = (size_t)numbers[1];
    char *bytes = read_bytes(length);
    enum frames_found found = FRAMES_NONE;
    for (size_t at = 0; at < length && found != FRAMES_BROKEN; at += piece) {
        if (!bytes_append(&inbox, bytes + at, length - at < piece ? length - at : piece))
            exit(1);
        found = print_frames(&inbox);
    }
    printf("%s\n", found == FRAMES_BROKEN ? "broken" : inbox.length > 0 ? "more" : "");
    bytes_free(&inbox);
    free(bytes);
}

static void print_texts(char **texts)
{
    size_t length = 0;
    while (texts != NULL && texts[length] != NULL)
        length += strlen(texts[length]) < SIZE_MAX; /* each is read to its end */
    printf("%zu ", length);
    free(texts);
}

static void read_one(struct payload *payload, int kind)
{
    char *text = NULL;
    if (kind == 5) {
        text = payload_text(payload);
        printf("%zu ", text != NULL ? strlen(text) : 0);
        free(text);
    } else if (kind == 6) {
        print_texts(payload_texts(payload));
    } else if (kind == 7) {
        const unsigned char *four = payload_bytes(payload, 4);
        printf("%d ", four != NULL ? four[3] : 0);
    } else {
        uint64_t number = kind == 1   ? payload_u8(payload)
                          : kind == 2 ? payload_u16(payload)
                          : kind == 4 ? payload_u32(payload)
                                      : payload_u64(payload);
        printf("%" PRIu64 " ", number);
    }
}

static void drive_payload(const int64_t *numbers)
{
    size_t length = (size_t)numbers[0];
    char order[24];
    char *bytes = read_bytes(length);
    const unsigned char *begin = (const unsigned char *)bytes;
    struct payload payload = {.at = begin, .end = begin + length};
    (void)snprintf(order, sizeof order, "%" PRId64, numbers[1]);
    for (const char *kind = order; *kind != '\0'; kind++)
        read_one(&payload, *kind - '0');
    printf("%d %d\n", payload_is_whole(&payload), payload.bad);
    free(bytes);
}

static void drive_values(const int64_t *numbers)
{
    size_t length = (size_t)numbers[0];
    char *bytes = read_bytes(length);
    struct record record = {.bytes = {.content = (unsigned char *)bytes, .length = length, .capacity = length}};
    print_texts(record_texts(&record));
    print_texts(record_texts(&record));
    printf("%zu %d\n", strlen(record_text(&record)), record.broken);
    free(bytes);
}

static void drive_path(const int64_t *numbers)
{
    size_t length = (size_t)numbers[0];
    char *bytes = read_bytes(length);
    char *path = malloc(length + 1);
    if (path == NULL)
        exit(1);
    memcpy(path, bytes, length);
    path[length] = '\0';
    printf("%d\n", paths_are_below(path));
    free(path);
    free(bytes);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*drive)(const int64_t *numbers);
    } questions[] = {
        {"answer", drive_answer}, {"due", drive_due},         {"success", drive_success}, {"record", drive_record},
        {"parse", drive_parse},   {"backoff", drive_backoff}, {"rules", drive_rules},     {"stale", drive_stale},
        {"sha256", drive_sha256}, {"frames", drive_frames},   {"payload", drive_payload}, {"values", drive_values},
        {"path", drive_path},
    };
    char line[512];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int64_t numbers[8] = {0};
        char *rest = line + strcspn(line, " ");
        for (size_t at = 0; at < 8; at++)
            numbers[at] = strtoll(rest, &rest, 10);
        line[strcspn(line, " ")] = '\0';
        for (size_t at = 0; at < sizeof questions / sizeof *questions; at++)
            if (strcmp(line, questions[at].name) == 0)
                questions[at].drive(numbers);
        if (fflush(stdout) != 0)
            return 1;
    }
    return 0;
}
