"""The original's command: python webcam.py --resume save/model_best.pth.tar [--cuda] [--save_dir capture_img.jpg]."""

from recyclenet.original.webcam_command import main

if __name__ == "__main__":
    main()
