"""The ranges of Model Garden's own settings, which are annotated with types alone.

Wide on purpose: they keep out what no training could mean, and leave the rest to the recipes.
"""

from __future__ import annotations

from cells.network.stack_config import MAX_FILTERS, MAX_SIDE
from cells.support.settings import Bounds

_STEPS = 10**12

#: By `KEY`, of whatever section, or by `SECTION.KEY`.
RANGES: dict[str, Bounds] = {
    name: bounds
    for bounds, names in (
        # Lengths of a training, and how often something is done in it.
        (Bounds(least=0, most=_STEPS), "train_steps decay_steps total_decay_steps warmup_steps"),
        (Bounds(least=0, most=_STEPS), "boundaries offset start_step recovery_begin_steps"),
        (Bounds(least=1, most=_STEPS), "steps_per_loop summary_interval checkpoint_interval"),
        (Bounds(least=1, most=_STEPS), "validation_interval max_to_keep"),
        (Bounds(least=-1, most=_STEPS), "validation_steps num_examples recovery_max_trials"),
        # Optimizers.
        (
            Bounds(least=0, most=1e6),
            "learning_rate initial_learning_rate end_learning_rate warmup_learning_rate values",
        ),
        (Bounds(least=0, most=1e3), "l2_weight_decay weight_decay weight_decay_rate sgd.decay"),
        (Bounds(least=0, below=1), "momentum beta_1 beta_2 rho label_smoothing dropout_rate"),
        (
            Bounds(least=0, most=1),
            "average_decay cosine.alpha norm_momentum attention_dropout_rate",
        ),
        (Bounds(above=0), "global_clipnorm clipnorm clipvalue gradient_clip_norm loss_scale"),
        (Bounds(above=0, most=10), "norm_epsilon epsilon"),
        # Data.
        (Bounds(least=1, most=2**20), "global_batch_size"),
        (Bounds(least=1), "cycle_length block_length shuffle_buffer_size"),
        (Bounds(least=0), "prefetch_buffer_size ram_budget color_jitter"),
        (Bounds(above=0, most=100), "aug_scale_min aug_scale_max"),
        (Bounds(above=0, most=1), "center_crop_fraction crop_area_range"),
        (Bounds(least=0, most=10), "randaug_magnitude"),
        (Bounds(least=0, most=2**32 - 1), "seed"),
        # Devices.
        (Bounds(least=-1, most=4096), "num_gpus task_index"),
        (Bounds(least=0, most=4096), "per_gpu_thread_count dataset_num_private_threads"),
        # Networks.
        (Bounds(least=1, most=MAX_SIDE, length=3), "input_size"),
        (Bounds(least=1, most=MAX_FILTERS), "num_filters fc_dims crop_size mask_crop_size"),
        (Bounds(least=0, most=100), "num_convs num_fcs"),
        (Bounds(least=1, most=10), "min_level max_level"),
        (Bounds(least=1, most=100), "num_scales num_repeats upsample_factor"),
        (Bounds(above=0), "anchor_size aspect_ratios"),
        # Boxes.
        (
            Bounds(least=0, most=1),
            "nms_iou_threshold test_nms_iou_threshold nms_score_threshold pre_nms_score_threshold "
            "test_pre_nms_score_threshold match_threshold unmatched_threshold rpn_match_threshold "
            "rpn_unmatched_threshold rpn_fg_fraction foreground_fraction foreground_iou_threshold "
            "background_iou_high_threshold background_iou_low_threshold cascade_iou_thresholds "
            "mask_binarize_threshold precision_and_recall_thresholds focal_loss_alpha "
            "frcnn_class_loss_top_k_percent",
        ),
        (
            Bounds(least=1, most=1_000_000),
            "max_num_detections max_num_eval_detections max_num_instances pre_nms_top_k "
            "test_pre_nms_top_k num_proposals test_num_proposals num_sampled_rois "
            "num_sampled_masks rpn_batch_size_per_im detections_per_class max_detections "
            "max_classes_per_detection evaluation.top_k",
        ),
        # Losses.
        (
            Bounds(least=0, most=1e9),
            "focal_loss_gamma box_loss_weight loss_weight frcnn_box_weight frcnn_class_weight "
            "mask_weight rpn_box_weight rpn_score_weight class_weights "
            "pre_nms_min_size_threshold test_pre_nms_min_size_threshold soft_nms_sigma",
        ),
        (Bounds(above=0, most=1e9), "huber_loss_delta frcnn_huber_loss_delta rpn_huber_loss_delta"),
    )
    for name in names.split()
}
