"""What a model looks at in a photo: features, spatial gate, class evidence, Grad-CAM, one model beside another."""
