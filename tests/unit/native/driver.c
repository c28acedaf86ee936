/*
 * Asks the agent's pure parts, one question a line, one line an answer:
 *
 *   answer BYTES PIECE CLOSED   and as many bytes: taken in pieces (0: at once), closed behind them (1)
 *   due FETCHED AGE FAILED FAILURES INITIAL MAX NOW
 *   stale FETCHED AGE NOW
 *   success NOW AGE
 *   record FETCHED AGE          rendered, and parsed again
 *   parse BYTES                 and as many bytes
 *   backoff INITIAL MAX RECOVERY RAN
 *   rules OUT IN UID DIRECT     with that many direct ports, from 1
 */
#include "answer.h"
#include "backoff.h"
#include "redirect.h"
#include "renewal.h"

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

int main(void)
{
    static const struct {
        const char *name;
        void (*drive)(const int64_t *numbers);
    } questions[] = {
        {"answer", drive_answer}, {"due", drive_due},         {"success", drive_success}, {"record", drive_record},
        {"parse", drive_parse},   {"backoff", drive_backoff}, {"rules", drive_rules},     {"stale", drive_stale},
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
