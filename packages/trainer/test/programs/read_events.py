"""Shows what TensorBoard reads in a folder that TensorBoardLogger has written: a line for each value.

    pip install tensorboard
    python packages/trainer/test/programs/read_events.py FOLDER
"""
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
for tag in events.Tags()['scalars']:
    for event in events.Scalars(tag):
        print(f'{event.step}\t{tag}\t{event.value:.9g}')
for tag in events.Tags()['tensors']:
    for event in events.Tensors(tag):
        print(f'{event.step}\t{tag}\t{event.tensor_proto.string_val[0].decode()!r}')
