"""Whether the files that workers are started with are whole, and while they are not, when they are again.

    a worker crashed, or cannot start ──→ `inspect`, in a thread ──→ `report` ──→ `damage`: no worker serves
    every CHECK_INTERVAL_S: the held files, then those in the folder ──→ whole ──→ `restored`: slots start workers

Where a mapped file was cut off, each worker dies of SIGBUS when it touches a page that is gone, and reads zeros
behind the new end in the last page that is left. So no request is to blame for its death, and no answer can be trusted.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from scoring.bundle.files import BundleFiles, Damage, FileState, open_files
from scoring.errors import BundleError
from service.ipc.bundle_handle import BundleHandle
from service.pool import fork_server
from service.pool.daemon_threads import run_blocking
from service.pool.observer import Observer

# By the files' state, what was found in them.
FoundDamage = dict[FileState, Damage]

# How often damaged files are examined: sizes and times of modification, and the content once after each write.
CHECK_INTERVAL_S = 0.5


class BundleMonitor:
    """The damage to the bundle of a pool's current spec; without a bundle there is never any.

    damage: None while the files are whole, as far as is known. restored: while there is damage, settled when it is
    over. withdrawals: how often damage was found; a worker that was started before the last time must not serve.
    All but `inspect` belongs to the event loop's thread.
    """

    def __init__(self, bundle: BundleHandle | None, observer: Observer, withdraw: Callable[[], None]) -> None:
        """`withdraw` is called when damage is found: no worker may serve from then on."""
        self.damage: Damage | None = None
        self.restored: asyncio.Future[None] | None = None
        self.withdrawals = 0
        self._bundle = bundle
        self._observer = observer
        self._withdraw = withdraw
        self._reported = asyncio.Event()
        # Content that is wrong is not read again before a file changes.
        self._found: FoundDamage = {}

    def watch(self, bundle: BundleHandle | None) -> None:
        """Look after another bundle from now on, which is whole; damage to the one before is over with it."""
        self._bundle = bundle
        self._found = {}
        if self.damage is not None:
            self._end_damage()

    def inspect(self, bundle: BundleHandle) -> Damage | None:
        """Return what is wrong with a bundle's files; asks the file system, so it may block. Any thread may call it."""
        try:
            return bundle.files.damage()
        except KeyError:
            # Closed in the meantime: these files were exchanged for whole ones.
            return None

    def report(self, bundle: BundleHandle, damage: Damage) -> None:
        """Take note of damage; logs it and stops the service of requests, unless that has happened already.

        Damage to a bundle of which there are only the last workers concerns nobody else.
        """
        if self.damage is None and bundle is self._bundle:
            self.restored = asyncio.get_running_loop().create_future()
            self.withdrawals += 1
            self._note(damage)
            self._withdraw()
            self._reported.set()

    async def run(self) -> None:
        """Wait for damage to be reported and then for its repair, again and again, until cancelled."""
        while True:
            await self._reported.wait()
            self._reported.clear()
            if self._bundle is not None and self.restored is not None:
                await self._wait_for_repair(self._bundle, self.restored)

    async def _wait_for_repair(self, bundle: BundleHandle, restored: "asyncio.Future[None]") -> None:
        """Return when the files of a bundle are whole, or the damage is over because another one was watched."""
        while isinstance(found := await run_blocking(partial(_find_whole, bundle, self._found)), Damage):
            if not restored.done() and found != self.damage:
                self._note(found)
            await asyncio.sleep(CHECK_INTERVAL_S)
            if restored.done():
                return
        if restored.done():
            if found is not bundle.files:
                found.close()
            return
        if found is not bundle.files:
            old, bundle.files = bundle.files, found
            # That thread starts the workers, so none is being started with the old files when they are closed.
            fork_server.starter_thread().run(old.close)
        self._found = {}
        self._end_damage()

    def _end_damage(self) -> None:
        self.damage = None
        self._observer.bundle_restored()
        assert self.restored is not None
        self.restored.set_result(None)
        self.restored = None

    def _note(self, damage: Damage) -> None:
        """Keep damage and log it, but not each size of a file that grows while it is restored."""
        before, self.damage = self.damage, damage
        if before is None or before.file != damage.file or damage.size == damage.expected:
            self._observer.bundle_damaged(damage.file, damage.size, damage.expected, damage.fault)


def _find_whole(bundle: BundleHandle, known: FoundDamage) -> BundleFiles | Damage:
    """Return files of the same bundle that are whole, or what is wrong with the held ones; blocks.

    Files that were restored by a rename are other files than the held ones, and are found in the folder. Held files
    that were closed meanwhile, because another bundle is served, count as whole.
    """
    held = bundle.files
    try:
        damage = _check(held, known)
    except KeyError:
        return held
    if damage is None:
        return held
    try:
        reopened = open_files(held.path)
    except (BundleError, OSError):
        return damage
    if reopened.digest == held.digest and _check(reopened, known) is None:
        return reopened
    reopened.close()
    return damage


def _check(files: BundleFiles, known: FoundDamage) -> Damage | None:
    """Return what is wrong with files, by their content; blocks for about a second per GB after each write."""
    try:
        state = files.state()
    except OSError:
        return files.check()
    damage = known.get(state) or files.check()
    if damage is not None:
        known[state] = damage
    return damage
