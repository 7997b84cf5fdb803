"""How a model holds up when photos are not as in training: other surfaces, bad light, blur, turns, compression."""
