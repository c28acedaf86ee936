/*
 * Sending the pod's TCP through its proxy, by rules of the kernel.
 *
 *   out of the pod ──► OUT    but for what the proxy sends itself, what stays in the pod, and DNS
 *   into the pod   ──► IN     but for what stays in the pod, and the ports that are served directly
 *
 * Nothing else may connect to OUT and IN: the proxy would carry it to where it was sent, which is itself.
 */
#ifndef ALCOVE_REDIRECT_H
#define ALCOVE_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REDIRECT_DIRECT_PORTS = 64, REDIRECT_RULES_BYTES = 4096 };

struct redirect_settings {
    bool is_wanted; /* the rest means nothing when it is not */
    uint16_t outbound;
    uint16_t inbound;
    bool has_uid;
    uint32_t uid; /* the proxy's */
    const char *pod_address;
    const char *host_address;
    uint16_t direct[REDIRECT_DIRECT_PORTS];
    size_t direct_count;
};

/* Renders the rules for nft: the table's old ones are gone with the same stroke. Pure. */
size_t redirect_render(const struct redirect_settings *settings, char rules[REDIRECT_RULES_BYTES]);

/* False, and why has been logged, when the rules would not be the pod's own but those of its node. */
bool redirect_is_safe(const struct redirect_settings *settings);

/*
 * These two give an exit code; why it is not 0 has been logged. They have to be used where children are ours
 * to wait for. Rules that a run before us left would lead what we ask ourselves to a proxy that does not run.
 */
int redirect_install(const struct redirect_settings *settings);
int redirect_remove(void);

#endif
