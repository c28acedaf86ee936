"""How pods reach each other, services, names and the world outside.

::

    pod ──veth──► node's namespace ──nftables DNAT──► veth ──► pod          services, rules
                    │  ├─ 10.42.0.1:53     names, dnswire, nameserver       svc.cluster.local
                    │  └─ 10.42.0.1:15001  relays ──► machine's network     TCP to anywhere else
    machine's 127.0.0.1:<nodePort> ── relays ──┘

Everything but the sockets of *relays* lives in the launcher's own network namespace, so the machine's
network is never touched and clusters can stand side by side. There is no bridge: each pod has a /32 address
at the end of a routed link, all traffic between pods is routed, and so conntrack sees it all.

*services*, *rules*, *names* and *dnswire* are pure; *network* ties them to the kernel and the API's watches.
UDP (but for DNS) and ICMP do not leave the cluster: they are rejected at once.
"""
