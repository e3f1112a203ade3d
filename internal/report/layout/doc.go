// Package layout places boxes and the arrows between them, by dagre
// (github.com/dagrejs/dagre, MIT licence), which is bundled as it is published
// and run in the program itself: the picture needs no layout where it is shown.
//
// Boxes that no arrow joins are laid out apart, and packed into rows.
package layout
