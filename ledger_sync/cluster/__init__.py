"""PostgreSQL on three machines: groups of three under Patroni with quorum commits, etcd as their store.

What a real installation runs (`configuration`) and, with the same configuration, all of it on loopback (`supervisor`).
"""

from ledger_sync.cluster.account import usual_folder
from ledger_sync.cluster.plan import Address, Group, Machines, Member, Node
from ledger_sync.cluster.supervisor import database, kill, pause, rejoin, start, status, stop, urls
from ledger_sync.cluster.trouble import ClusterError, Trouble
from ledger_sync.cluster.views import State, Status

__all__ = [
    "Address",
    "ClusterError",
    "Group",
    "Machines",
    "Member",
    "Node",
    "State",
    "Status",
    "Trouble",
    "database",
    "kill",
    "pause",
    "rejoin",
    "start",
    "status",
    "stop",
    "urls",
    "usual_folder",
]
