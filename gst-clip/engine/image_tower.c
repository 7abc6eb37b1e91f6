/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/image_tower.h"

const ClipImageTower *
clip_image_tower_of (ClipTowerKind kind)
{
  static const ClipImageTower *const towers[] = {
    [CLIP_TOWER_VIT] = NULL,
    [CLIP_TOWER_RESNET] = &clip_image_tower_resnet,
    [CLIP_TOWER_FASTVIT] = &clip_image_tower_fastvit,
  };

  return towers[kind];
}
