"""Under which keys a study records what this project knows of its trials.

They are the format of every search directory, so none is ever renamed. The driver, the strategies
and the reports read them from here.
"""

#: The attribute of a trial in which the driver counts, from 0, the order of finishing. Times
#: of day are no order: clocks are set back.
FINISHED = "finished"

#: The attribute of a trial that is about to be proposed: how many proposals for it were rejected.
ATTEMPT = "attempt"

#: The attribute of a trial with the different proposals for it that were rejected before, each as
#: the indices of its choices: what a strategy has met belongs to the history.
REJECTED = "rejected"

#: The attribute of a trial, for programs, that says how many trials had finished when it was
#: proposed: which results its proposal could have known.
AFTER = "proposed after"

#: The attribute of a trial that names the trial whose weights its child may start from.
PARENT = "parent"

#: The attributes of a trial in a space of graphs: its graph as JSON values, and their SHA-256.
GRAPH, GRAPH_HASH = "graph", "graph sha256"

#: The attribute of a trial whose cells were known before the search: what `strategy.first` calls
#: them.
FIRST = "first"

#: The attribute of a trial with the indices of the choices of the candidate along which the weights
#: that all share were trained before this one was scored.
ALONG = "along"

#: The attribute of a trial that was drawn when the strategy had learned all, and was scored without
#: any training: how many trials the search had then.
FINAL = "final"

#: The attribute of a trial with the decisions that its evaluation leads to.
NEXT = "next"

#: The attribute of a trial that is about to be proposed: the numbers of those that finished since
#: the proposal before. Who knows them spares the strategy a look at all that are running.
NEWS = "finished since"

#: The attribute of a trial with its metrics by name, `seconds` among them.
METRICS = "metrics"

#: The attribute of a failed trial that says why.
FAILURE = "failure"

#: The attribute of a finished trial with the worker that evaluated it, and when it began.
WORK = "worker"

#: The attribute of the study of a search with the text of its `config.yaml`.
CONFIG = "config"

#: Attributes of the study of a re-ranking: the name of the reward, and the settings that matter.
REWARD, PROTOCOL = "reward", "protocol"
