// Package zonemap draws the map of zones: one HTML file that fetches nothing, an
// SVG picture, and the text of Mermaid and Graphviz.
//
//	Chart -> picture (rooms and arrows, placed by layout) -> SVG -> HTML
//	      -> data (JSON) ------------------------------------------^
package zonemap
