"""What the core needs from outside: Protocols and the plain records that cross them, nothing else.

An engine answers one question (which recording? which tune? what sounds alike?). A track store
holds the truth. Posting and vector stores are derived from it and may be thrown away and built
again.
"""

from earmark.ports.analysis import (
    Analyser,
    Analysis,
    Preparing,
    ReadScore,
    ScoreAnalysis,
    ScoreReader,
)
from earmark.ports.arrays import (
    Float32,
    Frames,
    Hashes,
    Numbers,
    Payload,
)
from earmark.ports.engine import (
    Choosing,
    Compared,
    Comparing,
    Engine,
    EnginePlugin,
    IndexRoom,
    Outgrowing,
)
from earmark.ports.ledger import (
    JobQueue,
    JobRecord,
    JobState,
    KeyRecord,
    Ledger,
    Reply,
    Scope,
    SharedLedger,
    Verdict,
)
from earmark.ports.postings import (
    GAP_FRAMES,
    Hits,
    Posted,
    PostingStore,
)
from earmark.ports.tracks import (
    Mending,
    NewTrack,
    Published,
    SharedTrackStore,
    SourceState,
    Stage,
    StoredFeatures,
    TagLookup,
    TrackChanges,
    TrackStore,
)
from earmark.ports.vectors import (
    Embedded,
    Neighbours,
    VectorStore,
)

__all__ = [
    "GAP_FRAMES",
    "Analyser",
    "Analysis",
    "Choosing",
    "Compared",
    "Comparing",
    "Embedded",
    "Engine",
    "EnginePlugin",
    "Float32",
    "Frames",
    "Hashes",
    "Hits",
    "IndexRoom",
    "JobQueue",
    "JobRecord",
    "JobState",
    "KeyRecord",
    "Ledger",
    "Mending",
    "Neighbours",
    "NewTrack",
    "Numbers",
    "Outgrowing",
    "Payload",
    "Posted",
    "PostingStore",
    "Preparing",
    "Published",
    "ReadScore",
    "Reply",
    "Scope",
    "ScoreAnalysis",
    "ScoreReader",
    "SharedLedger",
    "SharedTrackStore",
    "SourceState",
    "Stage",
    "StoredFeatures",
    "TagLookup",
    "TrackChanges",
    "TrackStore",
    "VectorStore",
    "Verdict",
]
