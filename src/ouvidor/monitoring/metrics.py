"""What this process counts and measures, in the form that Prometheus reads."""

from collections.abc import Iterator
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from ouvidor import __version__
from ouvidor.engines.base import Engine
from ouvidor.engines.breaker import Breaker, Circuit
from ouvidor.engines.calls import TOKENS, CallLog, CallRecord
from ouvidor.runtime import Runtime

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
"""Upper bounds of the histograms' buckets, in seconds."""

MOST_MODELS = 50
OTHER = "other"
WAITING = text(
    """
    select count(*) as conversations, coalesce(extract(epoch from :now - min(waiting_since)), 0) as longest
    from conversation where status = 'waiting'
    """
)
JOBS = text(
    """
    select count(*) filter (where status = 'todo' and coalesce(scheduled_at, now()) <= now()) as waiting,
        count(*) filter (where status = 'doing') as running, count(*) filter (where status = 'failed') as failed
    from jobs.procrastinate_jobs
    """
)


class Metrics:
    """The counters of one process. Labels name routes, tasks and models; never a person, a project or a conversation.

    A server may name its models as it likes: beyond fifty names all count as `other`.
    """

    def __init__(self, calls: CallLog) -> None:
        self.registry = CollectorRegistry()
        self._models: set[str] = set()
        of_call = ("task", "model")
        self._requests = Counter(
            "ouvidor_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._request_seconds = Histogram(
            "ouvidor_http_request_seconds",
            "Time until the response began.",
            ("method", "route"),
            buckets=QUICK,
            registry=self.registry,
        )
        self._calls = Counter("ouvidor_engine_calls", "Runs of an engine.", of_call, registry=self.registry)
        self._call_seconds = Histogram(
            "ouvidor_engine_call_seconds",
            "Time of a run, all attempts together.",
            of_call,
            buckets=SLOW,
            registry=self.registry,
        )
        self._first_token = Histogram(
            "ouvidor_engine_first_token_seconds",
            "Time until the first token.",
            of_call,
            buckets=SLOW,
            registry=self.registry,
        )
        self._tokens = Counter(
            "ouvidor_engine_tokens", "Tokens, each counted once.", (*of_call, "kind"), registry=self.registry
        )
        self._cost = Counter(
            "ouvidor_engine_cost_dollars", "Cost by list prices, where known.", of_call, registry=self.registry
        )
        self._retries = Counter("ouvidor_engine_retries", "Attempts beyond the first.", of_call, registry=self.registry)
        self._faults = Counter(
            "ouvidor_engine_faults", "Runs without a usable answer.", (*of_call, "kind"), registry=self.registry
        )
        self._degraded = Counter(
            "ouvidor_engine_degradations",
            "Runs answered by the local rule in a model's place.",
            of_call,
            registry=self.registry,
        )
        Gauge("ouvidor_build_info", "What runs here.", ("version",), registry=self.registry).labels(__version__).set(1)
        self.registry.register(_Records(calls))
        ProcessCollector(namespace="ouvidor", registry=self.registry)

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def note_call(self, record: CallRecord) -> None:
        """A call has ended."""
        labels = (record.task, self._named(record.model))
        self._calls.labels(*labels).inc()
        if not record.batch:
            self._call_seconds.labels(*labels).observe(record.latency)
        if record.first_token is not None:
            self._first_token.labels(*labels).observe(record.first_token)
        if record.retries:
            self._retries.labels(*labels).inc(record.retries)
        if record.fault is not None:
            self._faults.labels(*labels, record.fault).inc()
        if record.degraded:
            self._degraded.labels(*labels).inc()
        if record.usage is not None:
            for kind in TOKENS:
                self._tokens.labels(*labels, kind).inc(max(0, getattr(record.usage, kind)))

    def note_cost(self, record: CallRecord, dollars: Decimal) -> None:
        """What a call cost is known now."""
        self._cost.labels(record.task, self._named(record.model)).inc(float(dollars))

    def _named(self, model: str) -> str:
        name = model[:100]
        if name not in self._models and len(self._models) >= MOST_MODELS:
            return OTHER
        self._models.add(name)
        return name


class _Records(Collector):
    """Records of calls that wait to be written, and those given up."""

    def __init__(self, calls: CallLog) -> None:
        self._calls = calls

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        yield CounterMetricFamily("ouvidor_engine_records_dropped", "Records given up.", value=self._calls.dropped)
        yield GaugeMetricFamily("ouvidor_engine_records_waiting", "Records not yet written.", value=self._calls.waiting)


async def exposition(rt: Runtime, metrics: Metrics) -> bytes:
    """Everything counted so far, and what the database and its connections are like at this moment."""
    now = CollectorRegistry()
    for name, meaning, value in [*_pool(rt), *_circuit(rt.engine), *await _queues(rt)]:
        Gauge(name, meaning, registry=now).set(value)
    return generate_latest(metrics.registry) + generate_latest(now)


def _pool(rt: Runtime) -> list[tuple[str, str, float]]:
    pool = rt.db.engine.pool
    assert isinstance(pool, QueuePool)
    return [
        ("ouvidor_database_connections_in_use", "Connections that work.", pool.checkedout()),
        ("ouvidor_database_connections_idle", "Connections that are open and free.", pool.checkedin()),
        ("ouvidor_database_connections_limit", "Most connections of this process.", pool.size()),
    ]


def _circuit(engine: Engine) -> list[tuple[str, str, float]]:
    """Whether the language model is being left alone; nothing where there is none."""
    within: object = engine
    while within is not None:
        breaker = getattr(within, "breaker", None)
        if isinstance(breaker, Breaker):
            left_alone = breaker.circuit is not Circuit.CLOSED
            return [("ouvidor_engine_circuit_open", "Whether a model that failed is left alone.", left_alone)]
        within = getattr(within, "inner", None)
    return []


async def _queues(rt: Runtime) -> list[tuple[str, str, float]]:
    """Who and what waits; only that the database is away where it is."""
    up = ("ouvidor_database_up", "Whether the database answers.")
    try:
        async with rt.db.read() as session:
            waiting = (await session.execute(WAITING, {"now": rt.clock()})).one()
            jobs = (await session.execute(JOBS)).one()
    except (SQLAlchemyError, OSError):
        return [(*up, 0)]
    return [
        (*up, 1),
        ("ouvidor_conversations_waiting", "Conversations that wait for a person.", waiting.conversations),
        ("ouvidor_conversation_longest_wait_seconds", "Since when the first of them waits.", float(waiting.longest)),
        ("ouvidor_jobs_waiting", "Jobs that are due and not begun.", jobs.waiting),
        ("ouvidor_jobs_running", "Jobs that run.", jobs.running),
        ("ouvidor_jobs_failed", "Jobs that were given up.", jobs.failed),
    ]
