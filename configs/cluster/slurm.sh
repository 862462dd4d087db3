#!/bin/bash
# Purpose: a search on nodes of a SLURM cluster: Ray on all of them, the driver on the first.
#
#   sbatch configs/cluster/slurm.sh SEARCH_DIR TFDS configs/search/nasnet_paper.yaml
#
# SEARCH_DIR and TFDS lie on a file system that all nodes see. Two minutes before the time is over
# the driver is told to stop, and the job queues again: the same command goes on where it was.
# Change partition, time and GPUs to those of your cluster. The project and Ray are installed in an
# environment that all nodes see; where it is not the one that submits the job, load it here.
#
# Hardware: nodes with 8 GPUs and 64 cores. Tried on one machine with stand-ins for SLURM's commands
# (docs/scale.md), SLURM was not at hand.
#SBATCH --job-name=cell-search
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=cell-search-%j.log
set -u
search_dir=${1:?SEARCH_DIR} data_dir=${2:?TFDS} recipe=${3:?CONFIG_FILE}

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}'):6379
# Jobs that share a machine must not share Ray's files.
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID

# Whether so many nodes are there.
alive() {
  python -c "import ray, sys
ray.init('$address', logging_level='error')
sys.exit(sum(node['Alive'] for node in ray.nodes()) < $1)" >/dev/null 2>&1
}

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --block --node-ip-address="${address%:*}" --port=6379 --disable-usage-stats &
until alive 1; do sleep 2; done
others=$((SLURM_JOB_NUM_NODES - 1))
if ((others > 0)); then
  srun --overlap --nodes="$others" --ntasks="$others" --exclude="$head" \
    ray start --block --address="$address" --disable-usage-stats &
fi
# All of them, before the driver counts the room that there is.
until alive "$SLURM_JOB_NUM_NODES"; do sleep 2; done

cell-search --search_dir="$search_dir" --data_dir="$data_dir" --config_file="$recipe" \
  --config_file=configs/cluster/ray.yaml --params_override="pool.ray.address=$address" &
driver=$!
stopped=
trap 'stopped=yes; kill -TERM $driver' TERM
wait $driver
code=$?
if [ -n "$stopped" ]; then
  # The signal interrupted this script's `wait`; the driver itself takes a moment more.
  wait $driver
  code=$?
  scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
