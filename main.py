"""The original's training and evaluation: python main.py --gpu 0 --arch resnet18_base --use_att (or --help)."""

from recyclenet.original.main_command import main

if __name__ == "__main__":
    main()
