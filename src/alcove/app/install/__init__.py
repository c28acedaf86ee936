"""How Alcove gets into a cluster and out of it again, and how well it is there.

::

    InstallSettings ──► rendering (pure) ──► every object of an installation, in the order they are applied
                          rights: what each account may, and nothing more
                          controlplane, gateway: what runs
    cluster ──► observing ──► Surroundings ──► preflight (pure) ──► Findings: what will not work here, and why
    settings, findings, what is there ──► planning (pure) ──► EnablePlan: a question, warnings, steps
    EnablePlan ──► applying ──► the cluster ; rollouts ──► until it is ready, or why it is not
    usecases: all of it behind one client; the first space comes from app.spaces

    cluster ──► inspecting ──► statuses, checks, running (pure) ──► status, doctor, list-up
                  trials, canary (flights): what doctor tries, and takes away again

Objects are applied by server-side apply under the field manager ``alcove``, so that what others set stays
(the control plane's caBundle, an autoscaler's replicas), and running ``enable`` twice changes nothing the
second time. What an older version or another endpoint made, and nothing asks for any more, is removed.
Deploy the Helm chart in ``deploy/chart`` instead, and the same objects are made: a test compares them.
"""
