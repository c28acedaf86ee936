#include "redirect.h"

#include "command.h"
#include "log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first line makes the second one succeed. */
static const char removal[] = "add table inet alcove\n"
                              "delete table inet alcove\n";

struct rules {
    char *bytes;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct rules *rules, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int written = vsnprintf(rules->bytes + rules->length, REDIRECT_RULES_BYTES - rules->length, format, values);
    va_end(values);
    if (written > 0) /* it has room: the most ports that there can be fill half of it */
        rules->length += (size_t)written;
}

size_t redirect_render(const struct redirect_settings *settings, char bytes[REDIRECT_RULES_BYTES])
{
    struct rules rules = {.bytes = bytes};
    unsigned outbound = settings->outbound;
    unsigned inbound = settings->inbound;
    append(&rules,
           "%s"
           "table inet alcove {\n"
           "  chain output {\n"
           "    type nat hook output priority -100; policy accept;\n"
           "    meta skuid %u return\n"
           "    oif \"lo\" return\n"
           "    tcp dport 53 return\n"
           "    meta l4proto tcp redirect to :%u\n"
           "  }\n"
           "  chain prerouting {\n"
           "    type nat hook prerouting priority -100; policy accept;\n"
           "    iif \"lo\" return\n"
           "    tcp dport { %u, %u } return\n",
           removal, (unsigned)settings->uid, outbound, outbound, inbound);
    for (size_t at = 0; at < settings->direct_count; at++)
        append(&rules, "    tcp dport %u return\n", (unsigned)settings->direct[at]);
    append(&rules,
           "    meta l4proto tcp redirect to :%u\n"
           "  }\n"
           "  chain input {\n"
           "    type filter hook input priority 0; policy accept;\n"
           "    tcp dport { %u, %u } ct status & dnat == 0 reject with tcp reset\n"
           "  }\n"
           "}\n",
           inbound, outbound, inbound);
    return rules.length;
}

struct address {
    unsigned char bytes[sizeof(struct in6_addr)];
    int family; /* 0 when it is none */
};

static struct address parse_address(const char *text)
{
    struct address address = {.family = AF_INET};
    if (inet_pton(AF_INET, text, address.bytes) == 1)
        return address;
    address.family = inet_pton(AF_INET6, text, address.bytes) == 1 ? AF_INET6 : 0;
    return address;
}

bool redirect_is_safe(const struct redirect_settings *settings)
{
    struct address pod = parse_address(settings->pod_address);
    struct address host = parse_address(settings->host_address);
    if (pod.family == 0 || host.family == 0) {
        log_line("not redirecting: %s address is \"%s\", which is none; it comes from the pod's status",
                 pod.family == 0 ? "the pod's" : "the node's",
                 pod.family == 0 ? settings->pod_address : settings->host_address);
        return false;
    }
    if (pod.family == host.family && memcmp(pod.bytes, host.bytes, sizeof pod.bytes) == 0) {
        log_line("not redirecting: the pod has the network of its node (%s), whose TCP all would be redirected; "
                 "set hostNetwork: false, or take the pod out of the injection",
                 settings->pod_address);
        return false;
    }
    return true;
}

/* The rules are in memory, whole, before they are read: no pipe that somebody has to keep filling. */
static bool put_on_standard_input(const char *rules, size_t length)
{
    int file = memfd_create("rules", MFD_CLOEXEC);
    if (file < 0)
        return false;
    bool ready = write(file, rules, length) == (ssize_t)length && lseek(file, 0, SEEK_SET) == 0 &&
                 dup2(file, STDIN_FILENO) == STDIN_FILENO;
    (void)close(file); /* it lives on as standard input */
    return ready;
}

static int wait_for(pid_t process)
{
    int status = 0;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR)
            return COMMAND_FAULT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_nft(const char *rules, size_t length)
{
    static char name[] = "nft", from[] = "-f", input[] = "-";
    char *const argv[] = {name, from, input, NULL};
    if (!put_on_standard_input(rules, length)) {
        log_errno("cannot hand the rules to nft");
        return COMMAND_FAULT;
    }
    struct command command = command_start(&(struct command_settings){.argv = argv});
    return command.process == 0 ? command.code : wait_for(command.process);
}

static int load(const char *rules, size_t length)
{
    /* From a process of its own, so that our standard input stays what it is. */
    pid_t process = fork();
    if (process == 0)
        _exit(run_nft(rules, length));
    if (process < 0)
        log_errno("cannot start a process for nft");
    int code = process < 0 ? COMMAND_FAULT : wait_for(process);
    if (code != 0)
        log_line("the rules that redirect were not taken (nft ended with code %d): it needs the capability NET_ADMIN, "
                 "and a kernel with nf_tables, nft_redir and nft_reject_inet",
                 code);
    return code;
}

int redirect_install(const struct redirect_settings *settings)
{
    char rules[REDIRECT_RULES_BYTES];
    return load(rules, redirect_render(settings, rules));
}

int redirect_remove(void)
{
    return load(removal, sizeof removal - 1);
}
